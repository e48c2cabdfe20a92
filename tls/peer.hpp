#pragma once

#include <optional>

#include "protocols/host.hpp"
#include "tls/client.hpp"
#include "tls/ssl.hpp"

namespace proxy::tls {

/// What a client session remembers beside OpenSSL's own state. It hangs on the session and goes
/// with it.
struct peer {
  host name;
  alpn offer = alpn::http1;
  session_cache* cache = nullptr;
  std::string cache_name; ///< What its sessions are called in the cache.
  const authority* excluded = nullptr;
  std::string failure; ///< Why the certificate does not hold.
};

/// Hangs a `peer` on a session. @returns false when memory has run out.
[[nodiscard]] bool attach(ssl_st& ssl, std::unique_ptr<peer> what);
/// nullptr when the session is no client's.
[[nodiscard]] peer* peer_of(const ssl_st& ssl) noexcept;

/// Hears of every certificate of a chain, good or bad; the signature OpenSSL wants.
int on_verify(int good, X509_STORE_CTX* chain);

} // namespace proxy::tls
