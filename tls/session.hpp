#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

struct ssl_st;

/// What both ends of TLS have in common. Sessions read and write what carries them, or another
/// session; nothing here waits, logs or throws.
namespace proxy::tls {

struct ssl_deleter {
  void operator()(ssl_st* ssl) const noexcept;
};
using ssl_ptr = std::unique_ptr<ssl_st, ssl_deleter>;

/// What a session may speak (RFC 7301).
enum class alpn : uint8_t { http1 = 1, h2 = 2, either = 3 };

/// What a TLS call came to.
enum class step : uint8_t { done, want_read, want_write, end, failed };

/// As recv and send, of as many records as there are. `size` bytes moved before `step` came to
/// pass; with `step::done` there was no more to read, or room for more, or all is written.
[[nodiscard]] step read(ssl_st& ssl, char* into, size_t room, size_t& size) noexcept;
[[nodiscard]] step write(ssl_st& ssl, const char* bytes, size_t count, size_t& size) noexcept;
/// Bytes taken from the socket and not yet read; they may be a part of a record only.
[[nodiscard]] bool has_pending(const ssl_st& ssl) noexcept;
/// The last `read` took all that the socket had; the end of its stream may be left.
[[nodiscard]] bool has_emptied_socket(const ssl_st& ssl) noexcept;
/// Sends close_notify. @returns false when there is no room for it now: to be called again.
[[nodiscard]] bool shutdown(ssl_st& ssl) noexcept;

/// "h2", "http/1.1", or "" when the two did not talk about it, which means HTTP/1.1.
[[nodiscard]] std::string_view protocol_of(const ssl_st& ssl) noexcept;
/// "TLSv1.3" or "TLSv1.2".
[[nodiscard]] std::string_view version_of(const ssl_st& ssl) noexcept;
/// Whether the handshake resumed an earlier session.
[[nodiscard]] bool is_resumed(const ssl_st& ssl) noexcept;

} // namespace proxy::tls
