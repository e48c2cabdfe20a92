#pragma once

#include <caf/expected.hpp>
#include <memory>
#include <span>

#include "actors/loop/task/task.hpp"
#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"

/// Dialling, and its pieces. These are not for flows, which may only reach what was judged: `dial`,
/// `dial_through`. Each ends with errc::policy_changed as soon as `ex.granted` is stale, so that no
/// packet leaves for what may be refused by now.

namespace proxy {

/// Connects to one of the vetted addresses (RFC 8305), with TLS when the target asks for it.
/// @param offer  Protocols for TLS; errc::no_common_protocol when the upstream speaks none of them.
/// @returns errc::policy_changed as soon as `ex.granted` is stale.
task<caf::expected<std::unique_ptr<upstream>>> dial(client_session& c, const exchange& ex,
                                                    const policy::vetted& to, tls::alpn offer);

/// RFC 8305 §5: attempts one after the other, a slow one is overtaken.
/// @returns errc::connection_refused or errc::connection_timeout with the address.
task<caf::expected<std::unique_ptr<upstream>>> connect_any(client_end& c, const exchange& ex,
                                                           std::span<const ip_address> to,
                                                           uint16_t port, steady_time deadline);

/// Starts one connect(2) to `to.address`. @returns 0, or why it failed at once.
[[nodiscard]] int begin_connect(client_end& c, const fresh_pass& fresh, upstream& to,
                                uint16_t port);

/// Starts TLS with a host, inside the TLS that the connection has already, if any.
/// @returns nullptr when it cannot be started.
[[nodiscard]] tls::ssl_ptr begin_tls(client_end& c, const fresh_pass& fresh, upstream& u,
                                     const host& name, uint16_t port, tls::alpn offer);

/// How long dialling may take, as a text that names the setting.
[[nodiscard]] std::string connect_limit(const client_end& c);

/// What looking up a name has failed with; one that took too long names the setting.
[[nodiscard]] caf::error look_up_error(const client_end& c, const host& name, caf::error why);

/// Waits for news of what is dialled.
/// @returns nothing, errc::connection_timeout (context: `late`), errc::policy_changed, or
///          errc::cancelled when the client has gone.
task<caf::error> wait_dialling(client_end& c, const exchange& ex, steady_time deadline,
                               std::string_view late);

/// Puts verified TLS on a connection, inside the TLS it has already, if any.
/// @param port  Of the service, whose earlier sessions may be resumed.
/// @returns errc::tls_certificate, errc::tls_handshake, errc::no_common_protocol or
///          errc::connection_timeout.
task<caf::error> secure(client_end& c, const exchange& ex, upstream& u, const host& name,
                        uint16_t port, tls::alpn offer = tls::alpn::http1);

} // namespace proxy
