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
  std::string failure;  ///< Why the certificate does not hold.
  std::string shown;    ///< File of the certificate that we show when asked; "" for none.
  bool asked = false;   ///< The upstream has asked for one.
  std::string ended;    ///< Why it ended, as far as that is known.
  bool alerted = false; ///< With an alert.
};

/// Hangs a `peer` on a session. @returns false when memory has run out.
[[nodiscard]] bool attach(ssl_st& ssl, std::unique_ptr<peer> what);
/// nullptr when the session is no client's.
[[nodiscard]] peer* peer_of(const ssl_st& ssl) noexcept;

/// Hears that the upstream asks for a certificate of ours; the signature OpenSSL wants.
int on_certificate_request(ssl_st* ssl, void*);
/// What the end of a session has to do with a certificate of ours, from the newest entry of the
/// error queue; "" for nothing.
[[nodiscard]] std::string certificate_words(const peer& whose);
/// Remembers why a session ended, from the newest entry of the error queue.
void note_end(const ssl_st& ssl);

/// Hears of every certificate of a chain, good or bad; the signature OpenSSL wants.
int on_verify(int good, X509_STORE_CTX* chain);

} // namespace proxy::tls
