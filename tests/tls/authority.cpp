#define CAF_SUITE tls.authority
#include "tls/authority.hpp" // unit under test

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tests/tls/support.hpp"
#include "tls/certificate.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::tls;

namespace {

std::string key_text(EVP_PKEY& key, const char* password = nullptr) {
  bio_ptr memory{BIO_new(BIO_s_mem())};
  PEM_write_bio_PKCS8PrivateKey(memory.get(), &key, password ? EVP_aes_128_cbc() : nullptr,
                                password, password ? 4 : 0, nullptr, nullptr);
  char* bytes = nullptr;
  auto size = BIO_get_mem_data(memory.get(), &bytes);
  return {bytes, static_cast<size_t>(size)};
}

/// How `load` judges these two texts.
std::string judge(const std::string& certificate, const std::string& key, time_point at = now()) {
  temp_folder folder;
  ca_paths paths{folder / "ca.pem", folder / "ca.key"};
  write(paths.certificate, certificate, 0644);
  write(paths.key, key);
  auto loaded = tls::authority::load(paths, at);
  auto words = words_of(loaded);
  // What to do is said, and where: the folder's name is the test's own.
  if (!loaded)
    CAF_CHECK(contains(words, folder.path));
  return words;
}

/// A root of the user's own, to build odd ones from.
certificate_builder root_for(EVP_PKEY& key, time_point from, time_point until) {
  certificate_builder made{key};
  made.valid(from, until).subject_name("", "test root").issuer_is_subject();
  return made;
}

} // namespace

CAF_TEST(a fresh CA is what its profile says) {
  auto start = now();
  auto ca = unbox(tls::authority::make(start));
  auto& x = ca->certificate();
  CAF_CHECK_EQUAL(X509_get_version(&x), X509_VERSION_3);
  CAF_CHECK_EQUAL(X509_check_ca(&x), 1);
  CAF_CHECK_EQUAL(X509_get_pathlen(&x), 0);
  CAF_CHECK_EQUAL(X509_get_key_usage(&x), uint32_t{KU_KEY_CERT_SIGN | KU_CRL_SIGN});
  for (auto extension : {NID_basic_constraints, NID_key_usage}) {
    auto at = X509_get_ext_by_NID(&x, extension, -1);
    CAF_REQUIRE(at >= 0);
    CAF_CHECK_EQUAL(X509_EXTENSION_get_critical(X509_get_ext(&x, at)), 1);
  }
  CAF_CHECK(X509_get0_subject_key_id(&x) != nullptr);
  CAF_CHECK(contains(text_of(X509_get_subject_name(&x)), "CN=codex-network-proxy"));
  CAF_CHECK_EQUAL(X509_get_signature_nid(&x), NID_ecdsa_with_SHA256);
  CAF_CHECK_EQUAL(EVP_PKEY_get_bits(&ca->key()), 256);
  CAF_CHECK(ca->valid_from() <= start);
  CAF_CHECK(ca->valid_until() > start + 3649 * 24h && ca->valid_until() < start + 3651 * 24h);
  CAF_CHECK(ca->chain().empty());
  CAF_CHECK_EQUAL(ca->fingerprint().size(), 64u);
}

CAF_TEST(serial numbers are positive and long and differ) {
  auto one = unbox(tls::authority::make(now())), two = unbox(tls::authority::make(now()));
  for (auto& ca : {one, two}) {
    const auto* serial = X509_get0_serialNumber(&ca->certificate());
    CAF_CHECK_EQUAL(ASN1_STRING_length(serial), 16);
    CAF_CHECK_EQUAL(ASN1_STRING_type(serial), V_ASN1_INTEGER); // V_ASN1_NEG_INTEGER otherwise
  }
  CAF_CHECK(ASN1_INTEGER_cmp(X509_get0_serialNumber(&one->certificate()),
                             X509_get0_serialNumber(&two->certificate())) != 0);
  CAF_CHECK(one->fingerprint() != two->fingerprint());
}

CAF_TEST(a certificate is judged by its time and purpose) {
  auto key = make_key();
  auto pem = key_text(*key);
  auto t = now();
  auto signed_text = [&](certificate_builder& draft) { return pem_of(*unbox(draft.sign(*key))); };
  auto good = root_for(*key, t - 1h, t + 24h);
  auto text = signed_text(good.basic_constraints(true).key_usage({5}).subject_key_id());
  CAF_CHECK_EQUAL(judge(text, pem, t), "");
  CAF_CHECK(contains(judge(text, pem, t + 25h), " expired on 20"));
  CAF_CHECK(contains(judge(text, pem, t - 2h), " is not valid before 20"));
  auto leaf = root_for(*key, t - 1h, t + 24h);
  CAF_CHECK(contains(judge(signed_text(leaf.basic_constraints(false).key_usage({0})), pem, t),
                     "is not a CA's"));
  auto no_sign = root_for(*key, t - 1h, t + 24h);
  CAF_CHECK(contains(judge(signed_text(no_sign.basic_constraints(true).key_usage({0, 6})), pem, t),
                     "is not a CA's"));
}

CAF_TEST(an encrypted key is refused without asking anybody for its password) {
  auto ca = unbox(tls::authority::make(now()));
  CAF_CHECK(contains(judge(ca->pem(), key_text(ca->key(), "word")), "without a password"));
}

CAF_TEST(a CA of another algorithm will do) {
  key_ptr rsa{EVP_RSA_gen(2048)};
  key_ptr ed{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")};
  for (auto* key : {rsa.get(), ed.get()}) {
    auto draft = root_for(*key, now() - 1h, now() + 24h);
    auto made = unbox(draft.basic_constraints(true).key_usage({5}).subject_key_id().sign(*key));
    CAF_CHECK_EQUAL(judge(pem_of(*made), key_text(*key)), "");
  }
}

CAF_TEST(text around the certificate stays out of what clients are told to trust) {
  temp_folder folder;
  ca_paths paths{folder / "ca.pem", folder / "ca.key"};
  auto pem = unbox(tls::authority::load_or_make(paths, now()))->pem();
  write(paths.certificate, "# ours\n" + pem + "# private remark\n");
  auto loaded = unbox(tls::authority::load(paths, now()));
  CAF_CHECK_EQUAL(loaded->pem(), pem);
}

CAF_TEST(a CA below another one sends the way up) {
  auto root_key = make_key(), key = make_key();
  auto draft = root_for(*root_key, now() - 1h, now() + 24h);
  auto root = unbox(draft.basic_constraints(true).key_usage({5}).subject_key_id().sign(*root_key));
  certificate_builder below{*key};
  auto middle = unbox(below.valid(now() - 1h, now() + 24h)
                        .subject_name("", "below")
                        .issuer_name(X509_get_subject_name(root.get()))
                        .basic_constraints(true)
                        .key_usage({5})
                        .subject_key_id()
                        .authority_key_id(*root)
                        .sign(*root_key));
  temp_folder folder;
  ca_paths paths{folder / "ca.pem", folder / "ca.key"};
  write(paths.certificate, pem_of(*middle) + pem_of(*root));
  write(paths.key, key_text(*key));
  CAF_CHECK_EQUAL(unbox(tls::authority::load(paths, now()))->chain().size(), 1u);
  std::string many;
  for (int i = 0; i < 9; ++i)
    many += pem_of(*middle);
  CAF_CHECK(contains(judge(many, key_text(*key)), "too many certificates"));
}
