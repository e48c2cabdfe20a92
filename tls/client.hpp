#pragma once

#include <caf/expected.hpp>
#include <memory>
#include <string>

#include "protocols/error.hpp"
#include "protocols/host.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace proxy::tls {

struct ssl_deleter {
  void operator()(ssl_st* ssl) const noexcept;
};
using ssl_ptr = std::unique_ptr<ssl_st, ssl_deleter>;

/// Where trust comes from, beside the platform's roots.
struct trust {
  std::string cert_file; ///< `SSL_CERT_FILE`, "" for none.
  std::string cert_dir;  ///< `SSL_CERT_DIR`, "" for none.
};

/// Makes the client side of verified TLS 1.2 and 1.3 connections. Immutable, shared between
/// threads.
class client_context {
public:
  /// @returns errc::invalid_config when a named trust file cannot be read.
  [[nodiscard]] static caf::expected<std::shared_ptr<const client_context>> make(const trust& from);
  ~client_context();

  /// A session on a connected descriptor, its peer bound to `name` (SNI, RFC 6125 name check), ALPN
  /// http/1.1. The handshake is the first `connect_step`.
  /// @returns nullptr when memory has run out.
  [[nodiscard]] ssl_ptr session(const host& name, int descriptor) const;
  /// The same inside another session, which must outlive it.
  [[nodiscard]] ssl_ptr session_inside(const host& name, ssl_st& outer) const;

private:
  client_context() = default;
  /// A session that is bound to `name` but has no bytes to read and write yet.
  [[nodiscard]] ssl_ptr bound_session(const host& name) const;
  ssl_ctx_st* context_ = nullptr;
};

/// What a TLS call came to.
enum class step : uint8_t { done, want_read, want_write, end, failed };

/// Goes on with the handshake.
[[nodiscard]] step connect_step(ssl_st& ssl) noexcept;
/// Why it failed: errc::tls_certificate with subject and verify error, else errc::tls_handshake.
[[nodiscard]] caf::error handshake_error(ssl_st& ssl);

/// As recv and send. `size` is how many bytes moved with `step::done`.
[[nodiscard]] step read(ssl_st& ssl, char* into, size_t room, size_t& size) noexcept;
[[nodiscard]] step write(ssl_st& ssl, const char* bytes, size_t count, size_t& size) noexcept;
/// Bytes decrypted and not yet read.
[[nodiscard]] bool has_pending(const ssl_st& ssl) noexcept;
/// Sends close_notify.
void shutdown(ssl_st& ssl) noexcept;

} // namespace proxy::tls
