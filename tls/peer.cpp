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
