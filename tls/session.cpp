#include "tls/session.hpp"

#include <openssl/err.h>

#include "tls/peer.hpp"
#include "tls/ssl.hpp"

namespace proxy::tls {

namespace {

/// What a session takes from its socket at once, at most: two records of bulk data. More would save
/// calls, and cost more for moving what is left over to the front.
constexpr size_t read_ahead_size = 36 * 1024;

/// AES-128 first: it costs less than AES-256 and nobody breaks either.
constexpr const char* tls13_suites =
  "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

constexpr unsigned char both_protocols[] = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

/// Reasons that mean that what came is no TLS at all.
bool is_not_tls(int reason) noexcept {
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
         reason == SSL_R_HTTPS_PROXY_REQUEST || reason == SSL_R_UNKNOWN_PROTOCOL ||
         reason == SSL_R_BAD_RECORD_TYPE;
}

/// What an alert says (RFC 8446 §6.2). Clients differ in which one means that they have never heard
/// of the CA.
const char* words_of_alert(int alert) noexcept {
  switch (alert) {
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_CERTIFICATE_UNKNOWN:
      return " does not trust the certificate authority of our certificate";
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED: return " refused our certificate";
    default: return " refused the handshake";
  }
}

} // namespace

void ssl_deleter::operator()(ssl_st* ssl) const noexcept {
  // OpenSSL would not resume a session whose connection ended without close_notify, which TLS 1.1
  // stopped asking for (RFC 5246 §7.2.1). After a fatal alert it has forgotten the session already.
  SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_SENT_SHUTDOWN);
  SSL_free(ssl);
}

step read(ssl_st& ssl, char* into, size_t room, size_t& size) noexcept {
  ERR_clear_error();
  ask_socket_until_short(ssl, true);
  size = 0;
  auto what = step::done;
  do {
    size_t got = 0;
    auto result = SSL_read_ex(&ssl, into + size, room - size, &got);
    what = result == 1 ? step::done : to_step(ssl, result);
    size += got;
  } while (what == step::done && size < room && has_pending(ssl));
  ask_socket_until_short(ssl, false);
  if (what == step::failed || what == step::end)
    note_end(ssl);
  return what;
}

step write(ssl_st& ssl, const char* bytes, size_t count, size_t& size) noexcept {
  ERR_clear_error();
  size = 0;
  auto what = step::done;
  while (what == step::done && size < count) { // a record each time, since writes may be partial
    size_t sent = 0;
    announce_more(ssl, count - size > SSL3_RT_MAX_PLAIN_LENGTH);
    auto result = SSL_write_ex(&ssl, bytes + size, count - size, &sent);
    what = result == 1 ? step::done : to_step(ssl, result);
    size += sent;
  }
  announce_more(ssl, false);
  return what;
}

bool has_pending(const ssl_st& ssl) noexcept { return SSL_has_pending(&ssl) == 1; }

bool shutdown(ssl_st& ssl) noexcept {
  ERR_clear_error();
  auto result = SSL_shutdown(&ssl);
  auto waits = result < 0 && SSL_get_error(&ssl, result) == SSL_ERROR_WANT_WRITE;
  ERR_clear_error();
  return !waits;
}

std::string_view protocol_of(const ssl_st& ssl) noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(&ssl, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string_view version_of(const ssl_st& ssl) noexcept { return SSL_get_version(&ssl); }

bool is_resumed(const ssl_st& ssl) noexcept { return SSL_session_reused(&ssl) == 1; }

step to_step(ssl_st& ssl, int result) noexcept {
  switch (SSL_get_error(&ssl, result)) {
    case SSL_ERROR_WANT_READ: return step::want_read;
    case SSL_ERROR_WANT_WRITE: return step::want_write;
    case SSL_ERROR_ZERO_RETURN: return step::end;
    default: return step::failed;
  }
}

bool set_common(ssl_ctx_st& context) noexcept {
  SSL_CTX_set_read_ahead(&context, 1);
  SSL_CTX_set_default_read_buffer_len(&context, read_ahead_size);
  SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(&context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_RELEASE_BUFFERS);
  return SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_ciphersuites(&context, tls13_suites) == 1;
}

std::string handshake_words(std::string_view peer) {
  auto code = ERR_peek_last_error();
  auto reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  auto words = last_error();
  std::string who{peer};
  if (reason >= SSL_AD_REASON_OFFSET) {
    auto alert = reason - SSL_AD_REASON_OFFSET;
    return who + words_of_alert(alert) + " (alert: " + SSL_alert_desc_string_long(alert) + ")";
  }
  if (code == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
    return who + " closed the connection during the handshake";
  if (is_not_tls(reason))
    return who + " did not speak TLS (" + words + ")";
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL: return who + " knows no TLS as new as 1.2 (" + words + ")";
    case SSL_R_NO_SHARED_CIPHER: return who + " has no cipher suite in common with us";
    case SSL_R_NO_APPLICATION_PROTOCOL: return who + " offers no protocol that may be spoken here";
    case SSL_R_EXCESSIVE_MESSAGE_SIZE: return who + " sent a message that is too large";
    default: return "handshake with " + who + " failed: " + words;
  }
}

std::optional<int> newest_alert() noexcept {
  auto code = ERR_peek_last_error();
  auto reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  if (reason < SSL_AD_REASON_OFFSET)
    return std::nullopt;
  return reason - SSL_AD_REASON_OFFSET;
}

bool has_hung_up() noexcept {
  auto code = ERR_peek_last_error();
  return code == 0 || (ERR_GET_LIB(code) == ERR_LIB_SSL &&
                       ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING);
}

std::basic_string_view<unsigned char> wire_of(alpn set) noexcept {
  switch (set) {
    case alpn::http1: return {both_protocols + 3, 9};
    case alpn::h2: return {both_protocols, 3};
    default: return {both_protocols, sizeof both_protocols};
  }
}

} // namespace proxy::tls
