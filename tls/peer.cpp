#include "tls/peer.hpp"

#include <algorithm>

namespace proxy::tls {

namespace {

constexpr int max_names = 5;

void free_peer(void*, void* what, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<peer*>(what);
}

/// Where a session keeps its peer.
int peer_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_peer);
  return index;
}

std::string text_of(const GENERAL_NAME& name) {
  int kind = 0;
  const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(&name, &kind));
  if (kind == GEN_DNS) {
    std::string text{reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                     static_cast<size_t>(std::min(ASN1_STRING_length(value), 100))};
    // The name is the peer's to choose, and this goes to logs and terminals.
    std::ranges::replace_if(
      text, [](char c) { return c <= ' ' || c > '~'; }, '?');
    return text;
  }
  if (kind != GEN_IPADD)
    return "";
  const auto* bytes = ASN1_STRING_get0_data(value);
  std::array<uint8_t, 16> address{};
  switch (ASN1_STRING_length(value)) {
    case 4:
      return ip_address::v4(uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 |
                            uint32_t{bytes[2]} << 8 | bytes[3])
        .str();
    case 16:
      std::copy_n(bytes, address.size(), address.begin());
      return ip_address::v6(address).str();
    default: return "";
  }
}

/// The names a certificate is for, "nothing" when there are none.
std::string names_in(X509& certificate) {
  std::unique_ptr<GENERAL_NAMES, freed_by<GENERAL_NAMES_free>> names{static_cast<GENERAL_NAMES*>(
    X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr))};
  std::string list;
  auto count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  for (int i = 0; i < count; ++i) {
    auto text = i < max_names ? text_of(*sk_GENERAL_NAME_value(names.get(), i)) : "...";
    if (!text.empty())
      list += (list.empty() ? "" : ", ") + text;
    if (i == max_names)
      break;
  }
  return list.empty() ? "nothing" : list;
}

/// RFC 8446 §6.2; OpenSSL names it where it knows TLS 1.3.
constexpr int certificate_required = SSL_AD_CERTIFICATE_REQUIRED;

/// OpenSSL 3.0 has no words for those of TLS 1.3.
std::string text_of_alert(int alert) {
  return alert == certificate_required ? "certificate required" : SSL_alert_desc_string_long(alert);
}

/// Whether an alert may be about the certificate that the other end was shown.
bool is_about_certificate(int alert) noexcept {
  switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_DECRYPT_ERROR:
    case certificate_required: return true;
    default: return false;
  }
}

/// What is wrong, for somebody who does not know OpenSSL.
std::string words_of(int code, X509& certificate, const host& name) {
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate expired on " + tls::text_of(X509_get0_notAfter(&certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate is not valid before " +
             tls::text_of(X509_get0_notBefore(&certificate));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "the certificate is self-signed and not trusted";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return "the root of the certificate is not trusted";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "no trusted root vouches for the certificate, or the server left out those between";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the certificate is not for " + name.text() + " but for " + names_in(certificate);
    case X509_V_ERR_CERT_REJECTED:
      return "the certificate comes from this proxy's own CA, which is no upstream's";
    case X509_V_ERR_INVALID_PURPOSE: return "the certificate is not meant for servers";
    default: return "the certificate does not hold";
  }
}

} // namespace

bool attach(ssl_st& ssl, std::unique_ptr<peer> what) {
  if (SSL_set_ex_data(&ssl, peer_index(), what.get()) != 1)
    return false;
  (void)what.release(); // `free_peer` deletes it
  return true;
}

peer* peer_of(const ssl_st& ssl) noexcept {
  return static_cast<peer*>(SSL_get_ex_data(&ssl, peer_index()));
}

int on_certificate_request(ssl_st* ssl, void*) {
  if (auto* whose = peer_of(*ssl))
    whose->asked = true;
  return 1;
}

std::string certificate_words(const peer& whose) {
  auto alert = newest_alert();
  if (!alert && !has_hung_up())
    return {};
  auto said =
    alert ? " (alert: " + text_of_alert(*alert) + ")" : std::string{" and closed the connection"};
  if (whose.shown.empty() && (whose.asked || alert == certificate_required))
    return "the upstream asks for a client certificate, and client_certificates has none for " +
           whose.name.text() + said;
  if (whose.asked && alert && is_about_certificate(*alert))
    return "the upstream does not take the client certificate " + whose.shown + said;
  return {};
}

void note_end(const ssl_st& ssl) {
  auto* whose = peer_of(ssl);
  if (!whose || !whose->ended.empty())
    return;
  whose->ended = certificate_words(*whose);
  auto alert = newest_alert();
  whose->alerted = alert.has_value();
  if (alert && whose->ended.empty())
    whose->ended = "the upstream ended the connection with a TLS alert: " + text_of_alert(*alert);
}

int on_verify(int good, X509_STORE_CTX* chain) {
  const auto* ssl = static_cast<const SSL*>(
    X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* whose = ssl ? peer_of(*ssl) : nullptr;
  auto* certificate = X509_STORE_CTX_get_current_cert(chain);
  if (good && whose && whose->excluded && certificate &&
      X509_cmp(certificate, &whose->excluded->certificate()) == 0) {
    X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_REJECTED);
    good = 0;
  }
  if (good || !whose || !certificate)
    return good;
  auto code = X509_STORE_CTX_get_error(chain);
  whose->failure = words_of(code, *certificate, whose->name) + " (" +
                   X509_verify_cert_error_string(code) + "; depth " +
                   std::to_string(X509_STORE_CTX_get_error_depth(chain)) + "; subject " +
                   tls::text_of(X509_get_subject_name(certificate)) + "; issuer " +
                   tls::text_of(X509_get_issuer_name(certificate)) + ")";
  return 0;
}

} // namespace proxy::tls
