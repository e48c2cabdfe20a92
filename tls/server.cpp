#include "tls/server.hpp"

#include <openssl/err.h>

#include "tls/ssl.hpp"

namespace proxy::tls {

namespace {

using namespace std::chrono_literals;

constexpr auto session_lifetime = 1h;

/// Leaves have ECDSA keys, so no other TLS 1.2 suite applies. All are forward secret and AEAD.
constexpr const char* accepted_suites =
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
  "ECDHE-ECDSA-CHACHA20-POLY1305";
constexpr const char* groups = "X25519:P-256:P-384";

/// Where a session keeps what it accepts, in the pointer itself.
int accept_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

/// Chooses a protocol, h2 before http/1.1; OpenSSL's signature.
int on_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* size, const unsigned char* offer,
            unsigned offer_size, void*) {
  auto accept = static_cast<alpn>(reinterpret_cast<uintptr_t>(
    SSL_get_ex_data(ssl, accept_index()))); // 0 is no alpn, and none fits
  auto own = wire_of(accept);
  unsigned char* name = nullptr;
  auto result = SSL_select_next_proto(&name, size, own.data(), static_cast<unsigned>(own.size()),
                                      offer, offer_size);
  *chosen = name;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool set_up(ssl_ctx_st& context) {
  SSL_CTX_set_options(&context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Tickets carry all there is to resume: no table that threads would share and clients could fill.
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(&context, session_lifetime / 1s);
  SSL_CTX_set_alpn_select_cb(&context, on_alpn, nullptr);
  return set_common(context) && SSL_CTX_set_num_tickets(&context, 1) == 1 &&
         SSL_CTX_set_cipher_list(&context, accepted_suites) == 1 &&
         SSL_CTX_set1_groups_list(&context, groups) == 1;
}

/// Shows the leaf, and what leads from it to a root.
bool use(ssl_st& ssl, const leaf& as) {
  const auto& above = as.issuer().chain();
  auto drop = [](STACK_OF(X509) * list) { sk_X509_free(list); };
  std::unique_ptr<STACK_OF(X509), decltype(drop)> chain;
  if (!above.empty()) {
    chain.reset(sk_X509_new_null());
    for (auto* each : above)
      if (!chain || sk_X509_push(chain.get(), each) <= 0)
        return false;
  }
  const auto& bound = as.session_context();
  return SSL_use_cert_and_key(&ssl, &as.certificate(), &as.key(), chain.get(), 1) == 1 &&
         SSL_set_session_id_context(&ssl, bound.data(), static_cast<unsigned>(bound.size())) == 1;
}

} // namespace

caf::expected<std::shared_ptr<const server_context>> server_context::make() {
  std::shared_ptr<server_context> made{new server_context};
  made->context_ = SSL_CTX_new(TLS_server_method());
  if (!made->context_ || !set_up(*made->context_))
    return failure("cannot make a TLS context");
  return std::shared_ptr<const server_context>{std::move(made)};
}

server_context::~server_context() { SSL_CTX_free(context_); }

ssl_ptr server_context::session(const leaf& as, carrier& under, std::string received,
                                const server_options& options) const {
  ssl_ptr ssl{SSL_new(context_)};
  auto* accept = reinterpret_cast<void*>(static_cast<uintptr_t>(options.accept));
  if (!ssl || !use(*ssl, as) || SSL_set_ex_data(ssl.get(), accept_index(), accept) != 1 ||
      !set_carrier(*ssl, under, std::move(received)))
    return nullptr;
  SSL_set_accept_state(ssl.get());
  return ssl;
}

step accept_step(ssl_st& ssl) noexcept {
  ERR_clear_error();
  auto result = SSL_accept(&ssl);
  return result == 1 ? step::done : to_step(ssl, result);
}

caf::error accept_error(ssl_st& ssl) {
  if (!has_hung_up())
    return caf::make_error(errc::tls_handshake, handshake_words("the client"));
  auto words = handshake_words("the client");
  // Some clients do not send the alert that would tell.
  if (BIO_number_written(SSL_get_wbio(&ssl)) > 0)
    words += ", once it had seen our certificate; it may not trust the certificate authority";
  return caf::make_error(errc::closed, std::move(words));
}

} // namespace proxy::tls
