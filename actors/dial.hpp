#pragma once

#include <caf/expected.hpp>
#include <memory>
#include <span>

#include "actors/flows.hpp"

/// The pieces of dialling. Not for flows, which may only reach what was judged: `dial`,
/// `dial_through`.

namespace proxy {

/// RFC 8305 §5: attempts one after the other, a slow one is overtaken.
/// @returns errc::connection_refused or errc::connection_timeout with the address.
task<caf::expected<std::unique_ptr<upstream>>>
connect_any(connection& c, std::span<const ip_address> to, uint16_t port, steady_time deadline);

/// Puts verified TLS on a connection, inside the TLS it has already, if any.
/// @param port  Of the service, whose earlier sessions may be resumed.
/// @returns errc::tls_certificate, errc::tls_handshake, errc::no_common_protocol or
///          errc::connection_timeout.
task<caf::error> secure(connection& c, upstream& u, const host& name, uint16_t port,
                        tls::alpn offer = tls::alpn::http1);

} // namespace proxy
