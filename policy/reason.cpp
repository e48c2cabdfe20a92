#include "policy/reason.hpp"

namespace proxy::policy {

static_assert(is_complete<reason>(), "a reason has no row in `refusals`");
static_assert(is_complete<decision>(), "a decision has no row in `decision_names`");
static_assert(is_complete<protocol>(), "a protocol has no row in `protocol_names`");
static_assert(is_complete<mode>(), "a mode has no row in `mode_names`");

const refusal& refusal_of(reason r) noexcept {
  auto index = enum_index(r);
  return refusals[index < enum_size<reason> ? index : enum_index(reason::policy_denied)];
}

std::string_view to_string(reason r) noexcept { return refusal_of(r).name; }

std::optional<reason> reason_named(std::string_view name) noexcept {
  for (auto& r : refusals)
    if (r.status == 403 && r.name == name)
      return r.reason;
  return std::nullopt;
}

std::string_view to_string(source s) noexcept {
  switch (s) {
    case source::baseline_policy: return "baseline_policy";
    case source::mode_guard: return "mode_guard";
    case source::proxy_state: return "proxy_state";
    case source::decider: return "decider";
  }
  return "unknown";
}

std::string_view to_string(decision d) noexcept {
  auto index = enum_index(d);
  return index < enum_size<decision> ? decision_names[index].name : "unknown";
}

std::string_view to_string(protocol p) noexcept {
  auto index = enum_index(p);
  return index < enum_size<protocol> ? protocol_names[index].name : "unknown";
}

std::string_view to_string(mode m) noexcept { return m == mode::limited ? "limited" : "full"; }

} // namespace proxy::policy
