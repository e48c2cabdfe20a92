#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/rules.hpp"

/// The steps that `decide` is made of. Whoever asks whether something is allowed asks `decide`;
/// what tells people of its answers (`remedy`) looks up single facts here.
namespace proxy::policy::judging {

/// Notes the steps of an evaluation; costs a test of a null pointer when nobody asked for them.
class notes {
public:
  explicit notes(trace* why) : why_(why) {}

  template <class Outcome>
  void add(std::string_view name, Outcome outcome) const {
    if (why_)
      why_->push_back({name, outcome()});
  }

private:
  trace* why_;
};

/// Makes permits, for `decide` alone.
class grants {
public:
  [[nodiscard]] static permit make(target to, const placed_text* decided_by, source from) {
    return {std::move(to), decided_by, from};
  }
  static void set_hook(permit& of, const mitm_hook* hook, size_t index) {
    of.hook_ = hook;
    of.hook_index_ = index;
    of.path_judged_ = true;
  }
  static void set_word_on_tunnel(permit& of) { of.by_word_on_tunnel_ = true; }
};

/// "matches PATTERN (FILE:LINE)"
[[nodiscard]] std::string matches(const placed_text& pattern);

[[nodiscard]] denial refuse(reason why, const placed_text* decided_by = nullptr);
[[nodiscard]] denial refuse_by_mode(reason why, const placed_text* decided_by = nullptr);

[[nodiscard]] ip_address loopback_v4();
[[nodiscard]] ip_address loopback_v6();

/// Whether connecting to an address reaches one of the proxy's own listeners, also by the v4
/// address it carries.
[[nodiscard]] bool reaches_own_listener(const rules& in_force, const ip_address& to, uint16_t port);

/// Steps 4, 3 and 7 for one address.
[[nodiscard]] std::optional<denial> judge_address(const rules& in_force, const target& what,
                                                  const ip_address& address,
                                                  const rule_facts& facts, const notes& note);

/// Step 3 for the name that a search domain made of the one that was let through.
[[nodiscard]] std::optional<denial> judge_found_name(const rules& in_force, const target& what,
                                                     const host& found_as, const rule_facts& facts,
                                                     const notes& note);

/// Whether the host and the mode are decisions of their own: where limited mode takes nothing of a
/// way in at all, the host is no matter, and a datagram's target is one thing.
[[nodiscard]] bool is_judged_apart(const rules& in_force, const target& what) noexcept;

/// What looks at requests to a target, found once.
struct onlookers {
  const hook_set::numbers* hooks = nullptr; ///< Of its host; nullptr: none.
  rule_match rule{};
};
[[nodiscard]] onlookers onlookers_of(const rules& in_force, const target& what) noexcept;

/// Whether what goes through a tunnel has to be seen for the policy to hold.
[[nodiscard]] bool must_be_read(const rules& in_force, const onlookers& seen_by) noexcept;

/// The same as `policy::is_read`.
[[nodiscard]] bool is_read(const rules& in_force, const target& what,
                           const onlookers& seen_by) noexcept;

/// Step 2: whether there is a proxy, and this way in.
[[nodiscard]] bool is_offered(const rules& in_force, protocol way_in, const notes& note);
/// The denial where not.
[[nodiscard]] denial not_offered();

/// Steps 2 to 6. Sets `listing` to the rule that allows it when it returns no denial. That it is
/// let through to be read and no further is set in any case: also where a listing of a local host
/// is what says so.
[[nodiscard]] std::optional<denial> judge_host(const rules& in_force, const target& what,
                                               const rule_facts& facts, const notes& note,
                                               rule_match& listing);

/// What guards the way in, once the host has been let through: a hooked host is reached only where
/// its requests can be read (`hooks`), then the mode (`method`).
[[nodiscard]] std::optional<denial> judge_mode(const rules& in_force, const target& what,
                                               const onlookers& seen_by, const notes& note);

/// What the hooks of a host say of a request that is read. Sets the one that lets it pass when it
/// returns no denial.
/// @param of_host  The host's hooks.
/// @param why_not  Why the path has no canonical form; nullptr when it has.
[[nodiscard]] std::optional<denial> judge_hooks(const rules& in_force, const target& to,
                                                const hook_set::numbers& of_host,
                                                const judged_request& request, const char* why_not,
                                                const notes& note, hook_match& out);

/// The mode alone: for a request inside a tunnel, and for one to a unix socket.
[[nodiscard]] std::optional<denial> judge_method(const rules& in_force, std::string_view method,
                                                 bool upgrade, const notes& note);

/// The mode alone, for a way in before it names a target.
[[nodiscard]] std::optional<denial> judge_way_in(const rules& in_force, protocol way_in,
                                                 const notes& note);

[[nodiscard]] bool is_hooked(const rules& in_force, const host& h) noexcept;

} // namespace proxy::policy::judging
