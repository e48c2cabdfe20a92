#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/evaluate.hpp"

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

/// Steps 2 to 6. Sets `by` to the allowed pattern when it returns no denial.
[[nodiscard]] std::optional<denial> judge_host(const rules& in_force, const target& what,
                                               const notes& note, const rule*& by);

/// What guards the way in, once the host has been let through: a hooked host is reached only where
/// its requests can be read (`hooks`), then the mode (`method`).
[[nodiscard]] std::optional<denial> judge_mode(const rules& in_force, const target& what,
                                               const notes& note);

/// The mode alone, for a request inside a tunnel.
[[nodiscard]] std::optional<denial> judge_method(const rules& in_force, std::string_view method,
                                                 bool upgrade, const notes& note);

[[nodiscard]] bool is_hooked(const rules& in_force, const host& h) noexcept;

} // namespace proxy::policy::judging
