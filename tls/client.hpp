#pragma once

#include <caf/expected.hpp>
#include <memory>
#include <string>

#include "protocols/error.hpp"
#include "protocols/host.hpp"
#include "tls/authority.hpp"
#include "tls/session.hpp"
#include "tls/session_cache.hpp"

struct ssl_ctx_st;

namespace proxy::tls {

/// Where trust comes from, beside the platform's roots.
struct trust {
  std::string cert_file; ///< `SSL_CERT_FILE`, "" for none.
  std::string cert_dir;  ///< `SSL_CERT_DIR`, "" for none.
  /// Never trusted, even if it is among the others: our own CA vouches for us and for nobody else.
  authority_ptr excluded = nullptr;
};

/// What differs between one session and the next.
struct client_options {
  alpn offer = alpn::http1;
  /// Resumes a session from here, and leaves new ones here. Outlives the session; nullptr for none.
  session_cache* cache = nullptr;
  uint16_t port = 443;     ///< Sessions of other ports are another service's.
  bool kernel_tls = false; ///< Lets the kernel encrypt where it can.
};

/// Makes the client side of verified TLS 1.2 and 1.3 connections. Immutable, shared between
/// threads.
class client_context {
public:
  /// @returns errc::invalid_config when a named trust file cannot be read.
  [[nodiscard]] static caf::expected<std::shared_ptr<const client_context>> make(const trust& from);
  ~client_context();

  /// A session on a connected descriptor, its peer bound to `name` (SNI, RFC 6125 name check). The
  /// handshake is the first `connect_step`.
  /// @returns nullptr when memory has run out.
  [[nodiscard]] ssl_ptr session(const host& name, int descriptor,
                                const client_options& options = {}) const;
  /// The same inside another session, which must outlive it.
  [[nodiscard]] ssl_ptr session_inside(const host& name, ssl_st& outer,
                                       const client_options& options = {}) const;

private:
  client_context() = default;
  /// A session that is bound to `name` but has no bytes to read and write yet.
  [[nodiscard]] ssl_ptr bound_session(const host& name, const client_options& options) const;

  ssl_ctx_st* context_ = nullptr;
  authority_ptr excluded_;
  uint64_t id_ = 0; ///< Never used twice: what one context has verified another may not trust.
};

/// Goes on with the handshake.
[[nodiscard]] step connect_step(ssl_st& ssl) noexcept;
/// Why it failed, once, after `step::failed`: errc::tls_certificate with the verify error in plain
/// words, subject and issuer; errc::no_common_protocol when nothing offered is spoken there; else
/// errc::tls_handshake.
[[nodiscard]] caf::error handshake_error(ssl_st& ssl);

} // namespace proxy::tls
