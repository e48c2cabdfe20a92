#pragma once

#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"

/// How a request comes to a stream of an upstream that speaks HTTP/2.

namespace proxy {

/// Whether what a client asks for goes through an upstream proxy in a tunnel (CONNECT), not as a
/// request to that proxy.
[[nodiscard]] bool needs_tunnel(const exchange& ex) noexcept;

/// Whose connections serve a request.
[[nodiscard]] upstream_key key_of(const exchange& ex);

/// A connection of the pool, or a stream of one, for a request that needs none of its own; nullptr
/// for none.
[[nodiscard]] std::unique_ptr<upstream> take_kept(client_session& c, const fresh_pass& fresh,
                                                  const upstream_key& key);

/// Which protocols to offer an upstream for a request: what the client speaks, as translating costs
/// both sides, unless the upstream is known to speak only the other.
[[nodiscard]] tls::alpn protocols_for(const client_end& c, const exchange& ex);

/// Makes of a dialled connection what its TLS handshake has agreed on: one on which HTTP/2 is
/// spoken is shared from now on, and its first stream is returned; any other is returned as it is.
/// @returns errc::bad_response or errc::connection_timeout when HTTP/2 does not come to life,
///          errc::policy_changed as soon as `ex.granted` is stale.
task<caf::expected<std::unique_ptr<upstream>>> settle_protocol(client_session& c,
                                                               const exchange& ex,
                                                               std::unique_ptr<upstream> dialled,
                                                               tls::alpn offer);

/// Waits while somebody else dials the same upstream for streams.
task<> wait_for_dialling(client_end& c, const upstream_key& key);

} // namespace proxy
