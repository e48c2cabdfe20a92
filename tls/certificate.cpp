#include "tls/certificate.hpp"

#include <array>
#include <openssl/ec.h>
#include <openssl/rand.h>

namespace proxy::tls {

namespace {

using octets_ptr = std::unique_ptr<ASN1_OCTET_STRING, freed_by<ASN1_OCTET_STRING_free>>;

/// SHA-1 of the key's bits, as subject and authority key identifiers carry it.
octets_ptr key_id_of(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  octets_ptr id{ASN1_OCTET_STRING_new()};
  if (!id || X509_pubkey_digest(&certificate, EVP_sha1(), digest.data(), &size) != 1 ||
      ASN1_OCTET_STRING_set(id.get(), digest.data(), static_cast<int>(size)) != 1)
    return nullptr;
  return id;
}

bool set_random_serial(X509& certificate) {
  std::array<unsigned char, 16> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return false;
  bytes[0] = (bytes[0] & 0x7F) | 0x40; // positive, and sixteen bytes whatever comes
  std::unique_ptr<BIGNUM, freed_by<BN_free>> number{
    BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr)};
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate));
}

bool add_name(X509_NAME* name, int field, std::string_view text) {
  return text.empty() ||
         X509_NAME_add_entry_by_NID(name, field, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()), -1, 0) == 1;
}

bool set_time(ASN1_TIME* time, time_point to) {
  return ASN1_TIME_set(time, std::chrono::system_clock::to_time_t(to)) != nullptr;
}

/// EdDSA hashes by itself and takes no digest.
const EVP_MD* digest_for(const EVP_PKEY& key) {
  auto id = EVP_PKEY_get_base_id(&key);
  return id == EVP_PKEY_ED25519 || id == EVP_PKEY_ED448 ? nullptr : EVP_sha256();
}

} // namespace

key_ptr make_key() { return key_ptr{EVP_EC_gen("P-256")}; }

certificate_builder::certificate_builder(EVP_PKEY& subject_key) : certificate_(X509_new()) {
  keep(certificate_ && X509_set_version(certificate_.get(), X509_VERSION_3) == 1 &&
       set_random_serial(*certificate_) && X509_set_pubkey(certificate_.get(), &subject_key) == 1);
}

certificate_builder& certificate_builder::valid(time_point from, time_point until) {
  keep(good_ && set_time(X509_getm_notBefore(certificate_.get()), from) &&
       set_time(X509_getm_notAfter(certificate_.get()), until));
  return *this;
}

certificate_builder& certificate_builder::subject_name(std::string_view organisation,
                                                       std::string_view common_name) {
  if (good_) {
    auto* name = X509_get_subject_name(certificate_.get());
    keep(add_name(name, NID_organizationName, organisation) &&
         add_name(name, NID_commonName, common_name));
  }
  return *this;
}

certificate_builder& certificate_builder::issuer_name(const X509_NAME* name) {
  keep(good_ && X509_set_issuer_name(certificate_.get(), name) == 1);
  return *this;
}

certificate_builder& certificate_builder::issuer_is_subject() {
  return good_ ? issuer_name(X509_get_subject_name(certificate_.get())) : *this;
}

certificate_builder& certificate_builder::basic_constraints(bool ca) {
  std::unique_ptr<BASIC_CONSTRAINTS, freed_by<BASIC_CONSTRAINTS_free>> value{
    BASIC_CONSTRAINTS_new()};
  keep(value != nullptr);
  if (good_ && ca) {
    value->ca = 0xFF;
    value->pathlen = ASN1_INTEGER_new();
    keep(value->pathlen && ASN1_INTEGER_set(value->pathlen, 0) == 1);
  }
  add(NID_basic_constraints, value.get(), true);
  return *this;
}

certificate_builder& certificate_builder::key_usage(std::initializer_list<int> bits) {
  std::unique_ptr<ASN1_BIT_STRING, freed_by<ASN1_BIT_STRING_free>> value{ASN1_BIT_STRING_new()};
  keep(value != nullptr);
  for (auto bit : bits)
    keep(good_ && ASN1_BIT_STRING_set_bit(value.get(), bit, 1) == 1);
  add(NID_key_usage, value.get(), true);
  return *this;
}

certificate_builder& certificate_builder::server_auth() {
  std::unique_ptr<EXTENDED_KEY_USAGE, freed_by<EXTENDED_KEY_USAGE_free>> value{
    EXTENDED_KEY_USAGE_new()};
  keep(value && sk_ASN1_OBJECT_push(value.get(), OBJ_nid2obj(NID_server_auth)) > 0);
  add(NID_ext_key_usage, value.get(), false);
  return *this;
}

certificate_builder& certificate_builder::subject_key_id() {
  auto id = good_ ? key_id_of(*certificate_) : nullptr;
  add(NID_subject_key_identifier, id.get(), false);
  return *this;
}

certificate_builder& certificate_builder::authority_key_id(X509& issuer) {
  std::unique_ptr<AUTHORITY_KEYID, freed_by<AUTHORITY_KEYID_free>> value{AUTHORITY_KEYID_new()};
  const auto* own = X509_get0_subject_key_id(&issuer);
  auto id = own ? octets_ptr{ASN1_OCTET_STRING_dup(own)} : key_id_of(issuer);
  keep(value && id);
  if (good_)
    value->keyid = id.release();
  add(NID_authority_key_identifier, value.get(), false);
  return *this;
}

certificate_builder& certificate_builder::alternative_name(GENERAL_NAME* name, bool critical) {
  std::unique_ptr<GENERAL_NAME, freed_by<GENERAL_NAME_free>> owner{name};
  std::unique_ptr<GENERAL_NAMES, freed_by<GENERAL_NAMES_free>> value{GENERAL_NAMES_new()};
  keep(owner && value);
  if (good_ && sk_GENERAL_NAME_push(value.get(), owner.get()) > 0)
    (void)owner.release(); // the list frees it
  add(NID_subject_alt_name, value.get(), critical);
  return *this;
}

caf::expected<certificate_ptr> certificate_builder::sign(EVP_PKEY& issuer_key) {
  if (!good_ || X509_sign(certificate_.get(), &issuer_key, digest_for(issuer_key)) <= 0)
    return failure("cannot make a certificate");
  // OpenSSL encodes a certificate it has put together anew at every use, and one it has parsed
  // once.
  unsigned char* bytes = nullptr;
  auto size = i2d_X509(certificate_.get(), &bytes);
  const unsigned char* at = bytes;
  certificate_ptr parsed{size > 0 ? d2i_X509(nullptr, &at, size) : nullptr};
  OPENSSL_free(bytes);
  if (!parsed || X509_check_purpose(parsed.get(), -1, 0) != 1)
    return failure("cannot make a certificate");
  return parsed;
}

void certificate_builder::add(int extension, void* value, bool critical) {
  keep(good_ && value &&
       X509_add1_ext_i2d(certificate_.get(), extension, value, critical ? 1 : 0,
                         X509V3_ADD_APPEND) == 1);
}

} // namespace proxy::tls
