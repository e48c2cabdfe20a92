#pragma once

#include <memory>
#include <string_view>

#include "actors/loop/task/task.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"

namespace proxy {

/// Dials for a tunnel that was let through, which then is `state::tunnel` (`after::tunnel`) or,
/// where it is to be read, `state::intercepted` (`after::first_bytes`). Anything else: refused and
/// answered.
task<after> connect_tunnel(client_session& c, exchange& ex);

/// Opens a tunnel for a CONNECT that was let through (RFC 9110 §9.3.6).
task<after> open_tunnel(client_session& c, exchange& ex);

/// What CONNECT is answered.
inline constexpr std::string_view tunnel_established =
  "HTTP/1.1 200 Connection established\r\n\r\n";

/// Relays between client and upstream until both directions ended.
task<after> relay(client_session& c);

/// With `log.access`: remembers what admitted a request, for the line at its connection's end.
void remember_admission(client_session& c, const exchange& ex);

/// Opens a tunnel, which takes the pass of `ex`. @returns it.
/// @param fresh     Of `ex.granted`.
/// @param switched  It was a request that switched protocols: what judges it is its head.
state::tunnel& admit_tunnel(client_session& c, exchange& ex, const fresh_pass& fresh,
                            std::unique_ptr<upstream> server, bool switched = false);

/// What admits a tunnel whose requests are read.
/// @param fresh  Of `of.tunnel`, or what that was made of.
[[nodiscard]] std::unique_ptr<admission> admit_interception(const interception& of,
                                                            const fresh_pass& fresh);

} // namespace proxy
