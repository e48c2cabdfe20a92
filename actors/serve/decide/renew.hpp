#pragma once

#include <optional>
#include <string_view>

#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"

namespace proxy {

// A flow that has waited judges what it holds anew, as if it had just come, if the policy has
// changed meanwhile: with its method, path, fields and all. `ex` then holds what the new policy
// makes of it, the head to send included.

/// @pre `ex.granted`
[[nodiscard]] pass::renewed renew(client_session& c, exchange& ex);
/// @pre `ex.to_socket`
[[nodiscard]] socket_pass::renewed renew_to_socket(client_session& c, exchange& ex);

/// Whether the policy of this moment would let a request pass that is under way, by its head.
/// @param said  The word that it was granted by; nullptr where it had a rule.
/// @returns the denial when not.
[[nodiscard]] std::optional<policy::denial>
judge_under_way(client_session& c, std::string_view head, const policy::answer* said);

} // namespace proxy
