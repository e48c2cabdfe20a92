#define CAF_SUITE tls.leaf
#include "tls/leaf.hpp" // unit under test

#include <openssl/x509_vfy.h>

#include <set>

#include "tests/tls/support.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::tls;

namespace {

/// What `openssl verify -x509_strict -purpose sslserver` says about a leaf for a client that trusts
/// its CA and asks for `name`, at a time.
std::string verdict(const leaf& made, const host& name, time_point at, unsigned long flags = 0) {
  std::unique_ptr<X509_STORE, freed_by<X509_STORE_free>> store{X509_STORE_new()};
  X509_STORE_add_cert(store.get(), &made.issuer().certificate());
  std::unique_ptr<X509_STORE_CTX, freed_by<X509_STORE_CTX_free>> context{X509_STORE_CTX_new()};
  X509_STORE_CTX_init(context.get(), store.get(), &made.certificate(), nullptr);
  auto* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(param,
                              X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE | flags);
  X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_auth_level(param, 3); // 128 bits
  X509_VERIFY_PARAM_set_time(param, std::chrono::system_clock::to_time_t(at));
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (name.ip())
    X509_VERIFY_PARAM_set1_ip_asc(param, name.text().c_str());
  else
    X509_VERIFY_PARAM_set1_host(param, name.text().c_str(), 0);
  return X509_verify_cert(context.get()) == 1
           ? "ok"
           : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

/// A name of so many bytes, in labels as long as they may be.
std::string name_of(size_t size) {
  std::string name(size, 'a');
  for (size_t dot = 63; dot + 1 < size; dot += 64)
    name[dot] = '.';
  if (size % 64 == 0)
    name[size - 2] = '.'; // the last label would be one too long
  return name;
}

struct fixture {
  [[nodiscard]] leaf_ptr made_for(std::string_view name) const {
    return unbox(mint(ca, parsed(name), start));
  }

  time_point start = now();
  authority_ptr ca = unbox(tls::authority::make(start));
};

/// The encoding of an extension, "" when there is none, and whether it is critical.
std::pair<std::string, bool> extension_of(X509& x, int id) {
  auto at = X509_get_ext_by_NID(&x, id, -1);
  if (at < 0 || X509_get_ext_by_NID(&x, id, at) >= 0) // twice is as bad
    return {};
  auto* found = X509_get_ext(&x, at);
  const auto* data = X509_EXTENSION_get_data(found);
  return {{reinterpret_cast<const char*>(ASN1_STRING_get0_data(data)),
           static_cast<size_t>(ASN1_STRING_length(data))},
          X509_EXTENSION_get_critical(found) == 1};
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(leaf_tests, fixture)

CAF_TEST(names of every length verify strictly) {
  for (size_t size = 1; size <= 253; ++size) {
    auto name = name_of(size);
    auto made = made_for(name);
    CAF_MESSAGE(size << " bytes");
    CAF_CHECK_EQUAL(verdict(*made, parsed(name), start), "ok");
  }
}

CAF_TEST(what a host may be is what its leaf is for and nothing else) {
  for (std::string_view name :
       {"example.com", "a.b-c.example", "xn--bcher-kva.example", "under_score.example", "localhost",
        "127.0.0.1", "255.255.255.255", "0.0.0.0", "::1", "2001:db8::7", "::ffff:192.0.2.1",
        "fe80::1%eth0", "xn--p1ai"}) {
    CAF_MESSAGE(name);
    auto made = made_for(name);
    auto own = name.starts_with("fe80") ? parsed("fe80::1") : parsed(name);
    CAF_CHECK_EQUAL(verdict(*made, own, start), "ok");
    CAF_CHECK_EQUAL(verdict(*made, parsed("other.example"), start), "hostname mismatch");
    CAF_CHECK_EQUAL(verdict(*made, parsed("www.example.com"), start), "hostname mismatch");
    CAF_CHECK_EQUAL(verdict(*made, parsed("192.0.2.99"), start), "IP address mismatch");
  }
}

CAF_TEST(the alternative name is encoded by kind) {
  struct row {
    std::string_view name, encoded;
  };
  for (auto& [name, encoded] : std::initializer_list<row>{
         {"example.com", "\x30\x0d\x82\x0b"
                         "example.com"},
         {"192.0.2.1", {"\x30\x06\x87\x04\xc0\x00\x02\x01", 8}},
         {"::1", {"\x30\x12\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 20}},
       }) {
    CAF_MESSAGE(name);
    auto made = made_for(name);
    auto [bytes, critical] = extension_of(made->certificate(), NID_subject_alt_name);
    CAF_CHECK_EQUAL(bytes, encoded);
    CAF_CHECK(!critical);
  }
}

CAF_TEST(a leaf is what its profile says) {
  auto made = made_for("example.com");
  auto& x = made->certificate();
  CAF_CHECK_EQUAL(X509_get_version(&x), X509_VERSION_3);
  CAF_CHECK_EQUAL(X509_check_ca(&x), 0);
  CAF_CHECK_EQUAL(X509_get_key_usage(&x), uint32_t{KU_DIGITAL_SIGNATURE});
  CAF_CHECK_EQUAL(X509_get_extended_key_usage(&x), uint32_t{XKU_SSL_SERVER});
  CAF_CHECK(extension_of(x, NID_basic_constraints).second);
  CAF_CHECK(extension_of(x, NID_key_usage).second);
  CAF_CHECK(!extension_of(x, NID_ext_key_usage).second);
  CAF_CHECK_EQUAL(text_of(X509_get_subject_name(&x)), "CN=example.com");
  CAF_CHECK_EQUAL(ASN1_STRING_length(X509_get0_serialNumber(&x)), 16);
  CAF_CHECK_EQUAL(ASN1_STRING_type(X509_get0_serialNumber(&x)), V_ASN1_INTEGER);
  CAF_REQUIRE(X509_get0_subject_key_id(&x) && X509_get0_authority_key_id(&x));
  CAF_CHECK_EQUAL(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(&x),
                                        X509_get0_subject_key_id(&ca->certificate())),
                  0);
  CAF_CHECK_EQUAL(EVP_PKEY_get_bits(X509_get0_pubkey(&x)), 256);
}

CAF_TEST(a long name leaves the subject empty and is critical instead) {
  auto at_most = made_for(name_of(63) + ".");
  CAF_CHECK(contains(text_of(X509_get_subject_name(&at_most->certificate())), "CN=aaa"));
  auto long_one = made_for(name_of(65 + 63));
  CAF_CHECK_EQUAL(text_of(X509_get_subject_name(&long_one->certificate())), "(empty)");
  CAF_CHECK(extension_of(long_one->certificate(), NID_subject_alt_name).second);
}

CAF_TEST(all leaves have one key and serial numbers of their own) {
  auto other_ca = unbox(tls::authority::make(start));
  std::set<std::string> serials;
  for (auto& made : {made_for("a.example"), made_for("a.example"), made_for("b.example"),
                     unbox(mint(other_ca, parsed("c.example"), start))}) {
    CAF_CHECK_EQUAL(EVP_PKEY_eq(X509_get0_pubkey(&made->certificate()), &made_for("x")->key()), 1);
    const auto* serial = X509_get0_serialNumber(&made->certificate());
    serials.emplace(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)), 16u);
  }
  CAF_CHECK_EQUAL(serials.size(), 4u);
  CAF_CHECK(EVP_PKEY_eq(&ca->key(), &made_for("x")->key()) != 1);
}

CAF_TEST(a leaf lives at most thirty days and never beyond its CA) {
  struct row {
    std::chrono::seconds after;       ///< When it is minted, from the CA's first second on.
    std::chrono::seconds from, until; ///< From then on.
  };
  auto whole = ca->valid_until() - ca->valid_from();
  auto all = std::chrono::duration_cast<std::chrono::seconds>(whole);
  for (auto& [after, from, until] : std::initializer_list<row>{
         {48h, -1h, 30 * 24h - 1h - 1s},
         {30min, -30min, 30 * 24h - 30min - 1s},
         {all - 10 * 24h, -1h, 10 * 24h},
         {all - 1s, -1h, 1s},
       }) {
    auto t = ca->valid_from() + after;
    auto made = unbox(mint(ca, parsed("example.com"), t));
    auto& x = made->certificate();
    CAF_CHECK_EQUAL((time_of(X509_get0_notBefore(&x)) - t) / 1s, from / 1s);
    CAF_CHECK_EQUAL((time_of(X509_get0_notAfter(&x)) - t) / 1s, until / 1s);
    CAF_CHECK(made->renew_at() > t && made->renew_at() < t + until);
    CAF_CHECK_EQUAL(verdict(*made, parsed("example.com"), t), "ok");
    CAF_CHECK_EQUAL(verdict(*made, parsed("example.com"), t + until + 1s),
                    "certificate has expired");
  }
  auto late = mint(ca, parsed("example.com"), ca->valid_until());
  CAF_CHECK_EQUAL(error_of(late), errc::invalid_config);
}

CAF_TEST(another CA does not vouch for it) {
  auto made = made_for("example.com");
  auto other = unbox(tls::authority::make(start));
  CAF_CHECK_EQUAL(X509_verify(&made->certificate(), &ca->key()), 1);
  CAF_CHECK(X509_verify(&made->certificate(), &other->key()) != 1);
}

CAF_TEST_FIXTURE_SCOPE_END()
