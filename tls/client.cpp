#include "tls/client.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls/openssl.hpp"

namespace proxy::tls {

namespace {

std::string one_line(const X509_NAME* name) {
  char text[256];
  X509_NAME_oneline(name, text, sizeof text);
  return text;
}

step to_step(ssl_st& ssl, int result) noexcept {
  switch (SSL_get_error(&ssl, result)) {
    case SSL_ERROR_WANT_READ: return step::want_read;
    case SSL_ERROR_WANT_WRITE: return step::want_write;
    case SSL_ERROR_ZERO_RETURN: return step::end;
    default: return step::failed;
  }
}

} // namespace

void ssl_deleter::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

caf::expected<std::shared_ptr<const client_context>> client_context::make(const trust& from) {
  std::shared_ptr<client_context> made{new client_context};
  auto* context = made->context_ = SSL_CTX_new(TLS_client_method());
  if (!context)
    return caf::make_error(errc::system, "cannot make a TLS context: " + last_error());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
  // Missing platform roots are no error: the handshake will say which certificate is not trusted.
  SSL_CTX_set_default_verify_paths(context);
  if (!from.cert_file.empty() && SSL_CTX_load_verify_file(context, from.cert_file.c_str()) != 1)
    return caf::make_error(errc::invalid_config,
                           "cannot read SSL_CERT_FILE " + from.cert_file + ": " + last_error());
  if (!from.cert_dir.empty() && SSL_CTX_load_verify_dir(context, from.cert_dir.c_str()) != 1)
    return caf::make_error(errc::invalid_config,
                           "cannot read SSL_CERT_DIR " + from.cert_dir + ": " + last_error());
  return std::shared_ptr<const client_context>{std::move(made)};
}

client_context::~client_context() { SSL_CTX_free(context_); }

ssl_ptr client_context::session(const host& name, int descriptor) const {
  auto ssl = bound_session(name);
  return ssl && SSL_set_fd(ssl.get(), descriptor) == 1 ? std::move(ssl) : nullptr;
}

ssl_ptr client_context::session_inside(const host& name, ssl_st& outer) const {
  auto ssl = bound_session(name);
  auto* bytes = ssl ? BIO_new(BIO_f_ssl()) : nullptr;
  if (!bytes)
    return nullptr;
  BIO_set_ssl(bytes, &outer, BIO_NOCLOSE);
  SSL_set_bio(ssl.get(), bytes, bytes);
  return ssl;
}

ssl_ptr client_context::bound_session(const host& name) const {
  ssl_ptr ssl{SSL_new(context_)};
  static constexpr unsigned char alpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  if (!ssl || SSL_set_alpn_protos(ssl.get(), alpn, sizeof alpn) != 0)
    return nullptr;
  auto* param = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  auto bound = name.ip()
                 ? X509_VERIFY_PARAM_set1_ip_asc(param, name.text().c_str())
                 : X509_VERIFY_PARAM_set1_host(param, name.text().c_str(), name.text().size());
  if (bound != 1)
    return nullptr;
  // RFC 6066 §3: literal addresses are not sent as a server name.
  if (!name.ip() && SSL_set_tlsext_host_name(ssl.get(), name.text().c_str()) != 1)
    return nullptr;
  SSL_set_connect_state(ssl.get());
  return ssl;
}

step connect_step(ssl_st& ssl) noexcept {
  ERR_clear_error();
  auto result = SSL_connect(&ssl);
  return result == 1 ? step::done : to_step(ssl, result);
}

caf::error handshake_error(ssl_st& ssl) {
  if (auto verdict = SSL_get_verify_result(&ssl); verdict != X509_V_OK) {
    std::string text = X509_verify_cert_error_string(verdict);
    if (auto* leaf = SSL_get1_peer_certificate(&ssl)) {
      text += "; subject " + one_line(X509_get_subject_name(leaf)) + "; issuer " +
              one_line(X509_get_issuer_name(leaf));
      X509_free(leaf);
    }
    ERR_clear_error();
    return caf::make_error(errc::tls_certificate, std::move(text));
  }
  return caf::make_error(errc::tls_handshake, last_error());
}

step read(ssl_st& ssl, char* into, size_t room, size_t& size) noexcept {
  ERR_clear_error();
  auto result = SSL_read_ex(&ssl, into, room, &size);
  return result == 1 ? step::done : to_step(ssl, result);
}

step write(ssl_st& ssl, const char* bytes, size_t count, size_t& size) noexcept {
  ERR_clear_error();
  auto result = SSL_write_ex(&ssl, bytes, count, &size);
  return result == 1 ? step::done : to_step(ssl, result);
}

bool has_pending(const ssl_st& ssl) noexcept { return SSL_has_pending(&ssl) == 1; }

void shutdown(ssl_st& ssl) noexcept {
  ERR_clear_error();
  SSL_shutdown(&ssl);
  ERR_clear_error();
}

} // namespace proxy::tls
