#pragma once

#include <caf/expected.hpp>
#include <memory>
#include <string>

#include "protocols/error.hpp"
#include "tls/leaf.hpp"
#include "tls/session.hpp"

struct ssl_ctx_st;

namespace proxy::tls {

class carrier;

/// What differs between one session and the next.
struct server_options {
  alpn accept = alpn::either; ///< A client that offers protocols, but none of these, is refused.
};

/// Makes the server side of TLS 1.2 and 1.3 connections: what the client of an intercepted tunnel
/// talks to. Immutable, shared between threads. Its tickets resume sessions of the same host and
/// the same CA only.
class server_context {
public:
  /// @returns errc::system with OpenSSL's words.
  [[nodiscard]] static caf::expected<std::shared_ptr<const server_context>> make();
  ~server_context();

  /// A session on what carries it that shows `as` to the client. The handshake is the first
  /// `accept_step`.
  /// @param received  What was read from there before: the client hello, or its beginning.
  /// @returns nullptr when memory has run out.
  [[nodiscard]] ssl_ptr session(const leaf& as, carrier& under, std::string received,
                                const server_options& options = {}) const;

private:
  server_context() = default;
  ssl_ctx_st* context_ = nullptr;
};

/// Goes on with the handshake.
[[nodiscard]] step accept_step(ssl_st& ssl) noexcept;
/// Why it failed in plain words, once, after `step::failed`: errc::closed when the client hung up,
/// else errc::tls_handshake.
[[nodiscard]] caf::error accept_error(ssl_st& ssl);

} // namespace proxy::tls
