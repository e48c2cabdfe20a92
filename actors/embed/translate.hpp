#pragma once

#include <codex/network_proxy.hpp>

#include <vector>

#include "actors/admin/explain.hpp"
#include "actors/messages.hpp"
#include "actors/network_proxy.hpp"
#include "actors/observe/decision_event.hpp"
#include "actors/serve/decide/decider.hpp"

/// Between what the program sees and what the proxy works with.

namespace proxy::embed {

[[nodiscard]] codex::problem translate(const config::problem& p);
[[nodiscard]] std::vector<codex::problem> translate(const std::vector<config::problem>& all);
[[nodiscard]] codex::network_protocol translate(policy::protocol p) noexcept;
[[nodiscard]] codex::network_mode translate(policy::mode m) noexcept;
[[nodiscard]] policy::mode translate(codex::network_mode m) noexcept;
[[nodiscard]] codex::blocked_request translate(const decision_event& refusal);
[[nodiscard]] decider_word translate(codex::network_decision answer);
[[nodiscard]] codex::error translate(const start_failure& why);
[[nodiscard]] codex::result<codex::policy_change> translate(reload_outcome outcome);

[[nodiscard]] codex::explanation translate(const explanation& e);

/// An error whose message is that of the first problem.
[[nodiscard]] codex::error error_of(codex::error_code code,
                                    const std::vector<config::problem>& problems);

} // namespace proxy::embed
