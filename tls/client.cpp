#include "tls/client.hpp"

#include <atomic>
#include <openssl/err.h>

#include "tls/peer.hpp"
#include "tls/roots.hpp"

namespace proxy::tls {

namespace {

/// What OpenSSL offers by default, AES-128-GCM before the rest.
constexpr const char* offered_suites = "ECDHE+AES128+AESGCM:ALL:!COMPLEMENTOFDEFAULT:!eNULL";

/// Keeps a session the upstream has handed out; OpenSSL's signature. @returns 1: it is ours now.
int on_new_session(SSL* ssl, SSL_SESSION* session) {
  auto* whose = peer_of(*ssl);
  if (!whose || !whose->cache)
    return 0;
  whose->cache->put(whose->cache_name, ssl_session_ptr{session});
  return 1;
}

caf::error load(ssl_ctx_st* context, const trust& from) {
  // Missing platform roots are no error: the handshake will say which certificate is not trusted.
  // Not SSL_CTX_set_default_verify_paths, which lets the environment take the platform's place. The
  // folder is looked into only for an issuer that the file does not have.
  if (auto file = first_file(from.platform.files); !file.empty())
    SSL_CTX_load_verify_file(context, file.c_str());
  if (!from.platform.hashed.empty())
    SSL_CTX_load_verify_dir(context, from.platform.hashed.c_str());
  ERR_clear_error();
  if (!from.cert_file.empty() && SSL_CTX_load_verify_file(context, from.cert_file.c_str()) != 1)
    return caf::make_error(errc::invalid_config,
                           "cannot read SSL_CERT_FILE " + from.cert_file + ": " + last_error());
  if (!from.cert_dir.empty() && SSL_CTX_load_verify_dir(context, from.cert_dir.c_str()) != 1)
    return caf::make_error(errc::invalid_config,
                           "cannot read SSL_CERT_DIR " + from.cert_dir + ": " + last_error());
  for (const auto& path : from.more)
    if (SSL_CTX_load_verify_file(context, path.c_str()) != 1)
      SSL_CTX_load_verify_dir(context, path.c_str()); // of no folder it makes nothing
  ERR_clear_error();
  return caf::none;
}

/// Binds the peer to `name` and says so in the hello.
bool bind(ssl_st& ssl, const host& name) {
  auto* param = SSL_get0_param(&ssl);
  // By its subject alternative names alone (RFC 9525 §2): a common name is no name.
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                           X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const auto& text = name.text();
  if (name.ip()) // RFC 6066 §3: literal addresses are not sent as a server name.
    return X509_VERIFY_PARAM_set1_ip_asc(param, text.c_str()) == 1;
  return X509_VERIFY_PARAM_set1_host(param, text.c_str(), text.size()) == 1 &&
         SSL_set_tlsext_host_name(&ssl, text.c_str()) == 1;
}

/// A server has to choose among what it was offered (RFC 7301 §3.2); OpenSSL takes its word.
bool is_among(std::string_view protocol, alpn offer) noexcept {
  return protocol.empty() || (protocol == "h2" && offer != alpn::http1) ||
         (protocol == "http/1.1" && offer != alpn::h2);
}

} // namespace

caf::expected<std::shared_ptr<const client_context>> client_context::make(const trust& from) {
  static std::atomic<uint64_t> contexts{0};
  std::shared_ptr<client_context> made{new client_context};
  made->excluded_ = from.excluded;
  made->id_ = ++contexts;
  auto* context = made->context_ = SSL_CTX_new(TLS_client_method());
  if (!context || !set_common(*context) || SSL_CTX_set_cipher_list(context, offered_suites) != 1)
    return failure("cannot make a TLS context");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_verify);
  SSL_CTX_set_cert_cb(context, on_certificate_request, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, on_new_session);
  if (auto err = load(context, from))
    return err;
  return std::shared_ptr<const client_context>{std::move(made)};
}

client_context::~client_context() { SSL_CTX_free(context_); }

ssl_ptr client_context::session(const host& name, carrier& under,
                                const client_options& options) const {
  auto ssl = bound_session(name, options);
  return ssl && set_carrier(*ssl, under, {}) ? std::move(ssl) : nullptr;
}

ssl_ptr client_context::session_inside(const host& name, ssl_st& outer,
                                       const client_options& options) const {
  auto ssl = bound_session(name, options);
  auto* bytes = ssl ? BIO_new(BIO_f_ssl()) : nullptr;
  if (!bytes)
    return nullptr;
  BIO_set_ssl(bytes, &outer, BIO_NOCLOSE);
  SSL_set_bio(ssl.get(), bytes, bytes);
  return ssl;
}

ssl_ptr client_context::bound_session(const host& name, const client_options& options) const {
  ssl_ptr ssl{SSL_new(context_)};
  auto offer = wire_of(options.offer);
  if (!ssl ||
      SSL_set_alpn_protos(ssl.get(), offer.data(), static_cast<unsigned>(offer.size())) != 0 ||
      !bind(*ssl, name))
    return nullptr;
  auto what = std::make_unique<peer>();
  what->name = name;
  what->offer = options.offer;
  what->cache = options.cache;
  what->excluded = excluded_.get();
  if (options.identity) {
    what->shown = options.identity->name();
    if (!options.identity->use_in(*ssl))
      return nullptr;
  }
  if (options.cache) {
    what->cache_name =
      std::to_string(id_) + ' ' + name.in_url() + ':' + std::to_string(options.port);
    if (options.identity)
      what->cache_name += " as " + std::to_string(options.identity->id());
    if (auto earlier = options.cache->take(what->cache_name))
      SSL_set_session(ssl.get(), earlier.get());
  }
  if (!attach(*ssl, std::move(what)))
    return nullptr;
  SSL_set_connect_state(ssl.get());
  return ssl;
}

step connect_step(ssl_st& ssl) noexcept {
  ERR_clear_error();
  auto result = SSL_connect(&ssl);
  if (result != 1)
    return to_step(ssl, result);
  const auto* whose = peer_of(ssl);
  if (whose && !is_among(protocol_of(ssl), whose->offer)) {
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_EXTENSION);
    return step::failed;
  }
  return step::done;
}

caf::error handshake_error(ssl_st& ssl) {
  const auto* whose = peer_of(ssl);
  if (SSL_get_verify_result(&ssl) != X509_V_OK && whose && !whose->failure.empty()) {
    ERR_clear_error();
    return caf::make_error(errc::tls_certificate, whose->failure);
  }
  auto code = ERR_peek_last_error();
  auto refused = ERR_GET_LIB(code) == ERR_LIB_SSL &&
                 ERR_GET_REASON(code) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL;
  auto about_us = whose && !refused ? certificate_words(*whose) : std::string{};
  if (!about_us.empty())
    ERR_clear_error();
  return caf::make_error(refused ? errc::no_common_protocol : errc::tls_handshake,
                         about_us.empty() ? handshake_words("the upstream") : about_us);
}

std::string end_words(const ssl_st& ssl, bool served) {
  const auto* whose = peer_of(ssl);
  return whose && (whose->alerted || !served) ? whose->ended : std::string{};
}

} // namespace proxy::tls
