#include "tls/leaf.hpp"

#include <algorithm>

#include "tls/certificate.hpp"

namespace proxy::tls {

namespace {

using namespace std::chrono_literals;

/// Both ends of a validity belong to it (RFC 5280 §4.1.2.5), so a second less is thirty days.
constexpr auto lifetime = 30 * 24h - 1s;
constexpr size_t max_common_name = 64; // RFC 5280, ub-common-name

/// Made at first use; nullptr when OpenSSL could not.
EVP_PKEY* process_key() {
  static const key_ptr key = make_key();
  return key.get();
}

/// Written as a value: the notation of OpenSSL's configuration files never sees the name.
GENERAL_NAME* alternative_name_of(const host& name) {
  std::unique_ptr<GENERAL_NAME, freed_by<GENERAL_NAME_free>> made{GENERAL_NAME_new()};
  std::unique_ptr<ASN1_STRING, freed_by<ASN1_STRING_free>> value{
    ASN1_STRING_type_new(name.ip() ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING)};
  if (!made || !value)
    return nullptr;
  const void* bytes = name.text().data();
  auto size = name.text().size();
  if (const auto& ip = name.ip()) {
    size = ip->is_v4() ? 4 : 16;
    bytes = ip->bytes().data() + ip->bytes().size() - size;
  }
  if (ASN1_STRING_set(value.get(), bytes, static_cast<int>(size)) != 1)
    return nullptr;
  GENERAL_NAME_set0_value(made.get(), name.ip() ? GEN_IPADD : GEN_DNS, value.release());
  return made.release();
}

} // namespace

leaf::~leaf() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

caf::expected<leaf_ptr> mint(authority_ptr ca, const host& name, authority::time_point now) {
  if (now >= ca->valid_until())
    return caf::make_error(errc::invalid_config,
                           "the CA has expired; remove its certificate and key so that both are "
                           "made anew, then trust the new one");
  auto* key = process_key();
  if (!key)
    return failure("cannot make a key");
  auto from = std::max(now - clock_skew, ca->valid_from());
  auto until = std::min(from + lifetime, ca->valid_until());
  // A name too long for a common name leaves the subject empty, and then the alternative name has
  // to be critical (RFC 5280 §4.1.2.6).
  auto fits = name.text().size() <= max_common_name;
  auto certificate = certificate_builder{*key}
                       .valid(from, until)
                       .subject_name("", fits ? name.text() : "")
                       .issuer_name(X509_get_subject_name(&ca->certificate()))
                       .basic_constraints(false)
                       .key_usage({0})
                       .server_auth()
                       .subject_key_id()
                       .authority_key_id(ca->certificate())
                       .alternative_name(alternative_name_of(name), !fits)
                       .sign(ca->key());
  if (!certificate)
    return std::move(certificate.error());
  std::shared_ptr<leaf> made{new leaf};
  auto bound = name.text() + ' ' + ca->fingerprint();
  if (EVP_Digest(bound.data(), bound.size(), made->session_context_.data(), nullptr, EVP_sha256(),
                 nullptr) != 1)
    return failure("cannot hash a name");
  made->certificate_ = certificate->release();
  EVP_PKEY_up_ref(made->key_ = key);
  made->issuer_ = std::move(ca);
  made->renew_at_ = now + (until - now) * 3 / 4;
  return leaf_ptr{std::move(made)};
}

} // namespace proxy::tls
