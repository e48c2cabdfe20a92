#include "tls/java_store.hpp"

#include <openssl/err.h>
#include <openssl/pkcs12.h>

namespace proxy::tls {

namespace {

/// Java trusts an entry only if it carries this attribute with a purpose; "any" is one.
constexpr const char* trusted_key_usage = "2.16.840.1.113894.746875.1.1";

/// The password is known to all, so neither protects anything: they are what every Java reads.
const EVP_MD* mac_digest() { return EVP_sha1(); }
constexpr int mac_rounds = 2048;

struct free_bags {
  void operator()(STACK_OF(PKCS12_SAFEBAG) * all) const noexcept {
    sk_PKCS12_SAFEBAG_pop_free(all, PKCS12_SAFEBAG_free);
  }
};
struct free_safes {
  void operator()(STACK_OF(PKCS7) * all) const noexcept { sk_PKCS7_pop_free(all, PKCS7_free); }
};

using digest = unsigned char[EVP_MAX_MD_SIZE];

std::string hex_of(const digest& bytes, unsigned size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i)
    text += {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
  return text;
}

/// Adds a certificate under a name. @returns whether that worked.
bool add(STACK_OF(PKCS12_SAFEBAG) & bags, X509& certificate, const std::string& name) {
  std::unique_ptr<PKCS12_SAFEBAG, freed_by<PKCS12_SAFEBAG_free>> bag{
    PKCS12_SAFEBAG_create_cert(&certificate)};
  const auto* any = reinterpret_cast<const unsigned char*>(OBJ_nid2obj(NID_anyExtendedKeyUsage));
  if (!bag || PKCS12_add_friendlyname_utf8(bag.get(), name.c_str(), -1) != 1 ||
      PKCS12_add1_attr_by_txt(bag.get(), trusted_key_usage, V_ASN1_OBJECT, any, -1) != 1 ||
      sk_PKCS12_SAFEBAG_push(&bags, bag.get()) <= 0)
    return false;
  (void)bag.release();
  return true;
}

} // namespace

caf::expected<std::string> java_store_of(std::span<const certificate_ptr> trusted,
                                         const char* password) {
  std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), free_bags> bags{sk_PKCS12_SAFEBAG_new_null()};
  std::string all;
  for (auto& certificate : trusted) {
    digest fingerprint;
    unsigned size = 0;
    if (X509_digest(certificate.get(), EVP_sha256(), fingerprint, &size) != 1)
      return failure("cannot hash a certificate");
    auto name = &certificate == &trusted.back() ? "codex-network-proxy" : hex_of(fingerprint, size);
    if (!bags || !add(*bags, *certificate, name))
      return failure("cannot put a certificate into a PKCS #12 file");
    all.append(reinterpret_cast<const char*>(fingerprint), size);
  }
  // A salt that follows from the content: the file is compared with the one that is there.
  digest salt;
  STACK_OF(PKCS7)* made = nullptr;
  if (EVP_Digest(all.data(), all.size(), salt, nullptr, EVP_sha256(), nullptr) != 1 ||
      PKCS12_add_safe(&made, bags.get(), -1, 0, nullptr) != 1) // -1: not encrypted
    return failure("cannot make a PKCS #12 file");
  std::unique_ptr<STACK_OF(PKCS7), free_safes> safes{made};
  std::unique_ptr<PKCS12, freed_by<PKCS12_free>> store{PKCS12_add_safes(safes.get(), 0)};
  if (!store || PKCS12_set_mac(store.get(), password, -1, salt, 20, mac_rounds, mac_digest()) != 1)
    return failure("cannot make a PKCS #12 file");
  unsigned char* bytes = nullptr;
  auto size = i2d_PKCS12(store.get(), &bytes);
  if (size <= 0)
    return failure("cannot encode a PKCS #12 file");
  std::string encoded{reinterpret_cast<const char*>(bytes), static_cast<size_t>(size)};
  OPENSSL_free(bytes);
  return encoded;
}

namespace {

/// Reads big-endian numbers and what they count off bytes; a length beyond the end stops it.
class jks_reader {
public:
  explicit jks_reader(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool failed() const noexcept { return failed_; }

  uint32_t number(size_t bytes) {
    uint32_t out = 0;
    for (auto c : take(bytes))
      out = out << 8 | static_cast<unsigned char>(c);
    return out;
  }
  std::string_view take(size_t count) {
    failed_ = failed_ || count > rest_.size();
    if (failed_)
      return {};
    auto out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
  }

private:
  std::string_view rest_;
  bool failed_ = false;
};

constexpr std::string_view jks_magic{"\xfe\xed\xfe\xed", 4};

caf::error no_store(std::string words) {
  ERR_clear_error();
  return caf::make_error(errc::invalid_config, std::move(words));
}

/// One certificate of a JKS; null when it is none.
certificate_ptr jks_certificate(jks_reader& in, uint32_t version) {
  if (version == 2)
    in.take(in.number(2)); // "X.509"
  auto der = in.take(in.number(4));
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return certificate_ptr{in.failed() ? nullptr
                                     : d2i_X509(nullptr, &at, static_cast<long>(der.size()))};
}

caf::expected<std::vector<certificate_ptr>> read_jks(std::string_view bytes) {
  jks_reader in{bytes};
  in.take(jks_magic.size());
  auto version = in.number(4);
  auto count = in.number(4);
  std::vector<certificate_ptr> out;
  // Each takes bytes, so that a large count ends with them.
  for (uint32_t i = 0; i < count && !in.failed(); ++i) {
    auto tag = in.number(4);
    in.take(in.number(2)); // alias
    in.take(8);            // date
    if (tag == 2) {
      if (auto certificate = jks_certificate(in, version))
        out.push_back(std::move(certificate));
      continue;
    }
    in.take(in.number(4)); // a private key
    for (auto chain = in.number(4); chain > 0 && !in.failed(); --chain)
      (void)jks_certificate(in, version);
  }
  if (in.failed())
    return no_store("it is damaged");
  ERR_clear_error();
  return out;
}

} // namespace

caf::expected<std::vector<certificate_ptr>> read_java_store(std::string_view bytes,
                                                            const char* password) {
  if (bytes.starts_with(jks_magic))
    return read_jks(bytes);
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  std::unique_ptr<PKCS12, freed_by<PKCS12_free>> store{
    d2i_PKCS12(nullptr, &at, static_cast<long>(bytes.size()))};
  if (!store)
    return no_store("it is neither PKCS #12 nor JKS");
  EVP_PKEY* key = nullptr;
  X509* own = nullptr;
  STACK_OF(X509)* all = nullptr;
  if (PKCS12_parse(store.get(), password, &key, &own, &all) != 1)
    return no_store("it cannot be opened: " + last_error());
  EVP_PKEY_free(key);
  X509_free(own);
  std::vector<certificate_ptr> out;
  while (all && sk_X509_num(all) > 0)
    out.emplace_back(sk_X509_shift(all));
  sk_X509_free(all);
  return out;
}

} // namespace proxy::tls
