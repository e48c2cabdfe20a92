#pragma once

#include <openssl/ssl.h>
#include <optional>

#include "tls/openssl.hpp"
#include "tls/session.hpp"

/// What the sources of this folder share about sessions; no other folder includes it.
namespace proxy::tls {

class carrier;

/// What a call that returned `result` came to.
[[nodiscard]] step to_step(ssl_st& ssl, int result) noexcept;

/// What is the same for both ends: TLS 1.2 and 1.3 and its suites, no renegotiation, no
/// compression, reads of several records, writes that may be partial, no buffers while nothing
/// moves.
[[nodiscard]] bool set_common(ssl_ctx_st& context) noexcept;

/// Why a handshake failed, in plain words, from the newest entry of the error queue; empties the
/// queue.
/// @param peer  What the other end is called: "the client", "the upstream".
[[nodiscard]] std::string handshake_words(std::string_view peer);

/// The alert in the newest entry of the error queue that the other end has sent.
[[nodiscard]] std::optional<int> newest_alert() noexcept;

/// Whether the newest entry of the error queue says that the other end hung up.
[[nodiscard]] bool has_hung_up() noexcept;

/// What goes over the wire for a set of protocols, h2 first (RFC 7301 §3.1).
[[nodiscard]] std::basic_string_view<unsigned char> wire_of(alpn set) noexcept;

/// Lets the session read `received`, then what carries it, and write to that.
/// @returns false when memory has run out.
[[nodiscard]] bool set_carrier(ssl_st& ssl, carrier& under, std::string received);
/// From now on until it is turned off: a read that comes back short has emptied the socket, which
/// is not asked again.
void ask_socket_until_short(const ssl_st& ssl, bool on) noexcept;
/// Whether more will be written before anything else happens, so that the kernel need not send what
/// it gets at once.
void announce_more(const ssl_st& ssl, bool more) noexcept;

} // namespace proxy::tls
