#pragma once

#include <caf/expected.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "protocols/error.hpp"
#include "protocols/host.hpp"
#include "tls/authority.hpp"
#include "tls/platform_roots.hpp"
#include "tls/session.hpp"
#include "tls/session_cache.hpp"

struct ssl_ctx_st;
struct x509_st;
struct evp_pkey_st;

namespace proxy::tls {

class carrier;

/// Where trust comes from.
struct trust {
  std::string cert_file; ///< `SSL_CERT_FILE`, "" for none.
  std::string cert_dir;  ///< `SSL_CERT_DIR`, "" for none.
  /// Never trusted, even if it is among the others: our own CA vouches for us and for nobody else.
  authority_ptr excluded = nullptr;
  /// Files and folders that other variables name; those that cannot be read are passed over.
  std::vector<std::string> more{};
  platform_roots platform = usual_roots();
};

/// A certificate for upstreams that ask who we are, and its key. Immutable, shared between threads.
class client_identity {
public:
  /// Reads both files: PEM, the certificate first, then those that lead to its root. The key has to
  /// be as private as that of the CA, but may be a link to where a secret store keeps it.
  /// @returns errc::invalid_config with the file and what to do about it: also when the two do not
  ///          belong together.
  [[nodiscard]] static caf::expected<std::shared_ptr<const client_identity>>
  load(const std::string& certificate, const std::string& key);
  ~client_identity();
  client_identity(const client_identity&) = delete;

  /// The file of the certificate, for messages.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Never used twice: a session that was made for one is not resumed for another.
  [[nodiscard]] uint64_t id() const noexcept { return id_; }
  /// "2026-11-22 02:50:51 UTC" when its time is over by then; "" else.
  [[nodiscard]] std::string expired_by(std::chrono::system_clock::time_point now) const;
  /// Shows it in a session. @returns false when memory has run out.
  [[nodiscard]] bool use_in(ssl_st& session) const;

private:
  client_identity() = default;
  std::string name_;
  uint64_t id_ = 0;
  std::vector<x509_st*> chain_; ///< Its own first.
  evp_pkey_st* key_ = nullptr;
};
using client_identity_ptr = std::shared_ptr<const client_identity>;

/// What differs between one session and the next.
struct client_options {
  alpn offer = alpn::http1;
  /// Shown to an upstream that asks for one; nullptr for none. Outlives the handshake.
  const client_identity* identity = nullptr;
  /// Resumes a session from here, and leaves new ones here. Outlives the session; nullptr for none.
  session_cache* cache = nullptr;
  uint16_t port = 443; ///< Sessions of other ports are another service's.
};

/// Makes the client side of verified TLS 1.2 and 1.3 connections. Immutable, shared between
/// threads.
class client_context {
public:
  /// @returns errc::invalid_config when a named trust file cannot be read.
  [[nodiscard]] static caf::expected<std::shared_ptr<const client_context>> make(const trust& from);
  ~client_context();

  /// A session on what carries it, its peer bound to `name` (SNI, RFC 6125 name check). The
  /// handshake is the first `connect_step`.
  /// @returns nullptr when memory has run out.
  [[nodiscard]] ssl_ptr session(const host& name, carrier& under,
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
/// Why a session whose handshake is done has ended, after a `read` that failed: the upstream's
/// alert, or that it wants a certificate of ours (in TLS 1.3 it says so only then). "" for a plain
/// end.
/// @param served  It has answered before, so that hanging up alone is no comment on who we are.
[[nodiscard]] std::string end_words(const ssl_st& ssl, bool served);

} // namespace proxy::tls
