#pragma once

#include <caf/error.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"

namespace proxy {

/// A response that the proxy gives itself: Max-Forwards ran out (RFC 9110 §7.6.2). The request is
/// granted, and goes nowhere.
struct own_answer {
  std::string body;
};

/// It may go on: `ex.granted` is set, or `ex.to_socket`.
struct let_through {};

using verdict = std::variant<let_through, policy::denial, own_answer, caf::error, policy::question>;

/// Decodes a request head and judges what it asks for, by the policy of this moment. Fills `ex`.
[[nodiscard]] verdict judge_request(client_session& c, std::string_view head, exchange& ex);

/// Judges a tunnel to `ex.target` that no request head asks for (SOCKS), by the policy of this
/// moment. Fills `ex`.
[[nodiscard]] verdict judge_tunnel_target(client_session& c, exchange& ex);

/// What Via says of us; "" with `via = false`.
[[nodiscard]] std::string_view pseudonym_of(const client_end& c) noexcept;

/// Whether a request has been through this proxy already. @returns errc::loop_detected then.
/// @param first  It is the first on a connection, which this process may have made itself.
[[nodiscard]] caf::error check_loop(const client_end& c, const http1::head* head, bool first);

} // namespace proxy
