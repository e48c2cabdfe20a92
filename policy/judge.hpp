#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/inner.hpp"

/// The steps that `evaluate`, `vet`, `judge_again` and `judge_inner` are made of. For these alone:
/// whoever asks whether something is allowed asks one of them.
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
  [[nodiscard]] static permit make(target to, const rule* by, source from) {
    return {std::move(to), by, from};
  }
  static void set_hook(permit& of, const mitm_hook* hook, size_t index) {
    of.hook_ = hook;
    of.hook_index_ = index;
    of.path_judged_ = true;
  }
};

/// "matches PATTERN (FILE:LINE)"
[[nodiscard]] std::string matches(const rule& by);

[[nodiscard]] denial refuse(reason why, const rule* by = nullptr);
[[nodiscard]] denial refuse_by_mode(reason why, const rule* by = nullptr);

[[nodiscard]] ip_address loopback_v4();
[[nodiscard]] ip_address loopback_v6();

/// Whether connecting to an address reaches one of the proxy's own listeners, also by the v4
/// address it carries.
[[nodiscard]] bool reaches_own_listener(const rules& in_force, const ip_address& to, uint16_t port);

/// The denied pattern for an address, by itself or by the v4 address it carries.
[[nodiscard]] const rule* denied_address(const pattern_set& denied, const ip_address& address,
                                         uint16_t port);

/// Steps 4, 3 and 7 for one address.
[[nodiscard]] std::optional<denial> judge_address(const rules& in_force, const target& what,
                                                  const ip_address& address, const notes& note);

/// Step 3 for the name that a search domain made of the one that was let through.
[[nodiscard]] std::optional<denial> judge_found_name(const rules& in_force, const target& what,
                                                     const host& found_as, const notes& note);

/// Whether the host and the mode are decisions of their own: where limited mode takes nothing of a
/// way in at all, the host is no matter, and a datagram's target is one thing.
[[nodiscard]] bool is_judged_apart(const rules& in_force, const target& what) noexcept;

/// Whether what goes through a tunnel has to be seen for the policy to hold.
[[nodiscard]] bool must_be_read(const rules& in_force, const target& tunnel) noexcept;

/// Steps 2 to 6. Sets `by` to the allowed pattern when it returns no denial.
[[nodiscard]] std::optional<denial> judge_host(const rules& in_force, const target& what,
                                               const notes& note, const rule*& by);

/// What guards the way in, once the host has been let through: a hooked host is reached only where
/// its requests can be read (`hooks`), then the mode (`method`).
[[nodiscard]] std::optional<denial> judge_mode(const rules& in_force, const target& what,
                                               const notes& note);

/// What the hooks of a host say of a request that is read. Sets what to forward when it returns no
/// denial.
[[nodiscard]] std::optional<denial> judge_hooks(const rules& in_force, const target& to,
                                                const inner_request& request,
                                                http1::request_path& path, const notes& note,
                                                forward& out);

/// The mode alone, for a request inside a tunnel.
[[nodiscard]] std::optional<denial> judge_method(const rules& in_force, std::string_view method,
                                                 bool upgrade, const notes& note);

[[nodiscard]] bool is_hooked(const rules& in_force, const host& h) noexcept;

} // namespace proxy::policy::judging
