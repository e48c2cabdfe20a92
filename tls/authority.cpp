#include "tls/authority.hpp"

#include <array>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "tls/certificate.hpp"

namespace proxy::tls {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view product = "codex-network-proxy";
constexpr std::string_view ca_name = "codex-network-proxy CA";
constexpr auto ca_lifetime = 10 * 365 * 24h;
constexpr size_t max_issuers = 8;

key_ptr parse_key(std::string_view pem) {
  auto reader = reader_of(pem);
  return key_ptr{reader ? PEM_read_bio_PrivateKey(reader.get(), nullptr, no_password, nullptr)
                        : nullptr};
}

std::vector<certificate_ptr> parse_certificates(std::string_view pem) {
  std::vector<certificate_ptr> found;
  auto reader = reader_of(pem);
  while (reader && found.size() <= max_issuers) {
    certificate_ptr next{PEM_read_bio_X509(reader.get(), nullptr, no_password, nullptr)};
    if (!next)
      break;
    found.push_back(std::move(next));
  }
  ERR_clear_error(); // the end of the file is an error to OpenSSL
  return found;
}

caf::expected<std::string> key_pem_of(EVP_PKEY& key) {
  // Secure memory where the process has it; wiped in either case.
  bio_ptr memory{BIO_new(BIO_s_secmem())};
  char* bytes = nullptr;
  if (!memory ||
      PEM_write_bio_PKCS8PrivateKey(memory.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return failure("cannot write the CA key");
  auto size = BIO_get_mem_data(memory.get(), &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

/// A fresh CA as its two files hold it.
caf::expected<ca_pem> make_pem(time_point now) {
  auto key = make_key();
  if (!key)
    return failure("cannot make a CA key");
  auto certificate = certificate_builder{*key}
                       .valid(now - clock_skew, now + ca_lifetime)
                       .subject_name(product, ca_name)
                       .issuer_is_subject()
                       .basic_constraints(true)
                       .key_usage({5, 6})
                       .subject_key_id()
                       .sign(*key);
  if (!certificate)
    return std::move(certificate.error());
  auto key_text = key_pem_of(*key);
  if (!key_text)
    return std::move(key_text.error());
  ca_pem pem;
  pem.certificate = tls::pem_of(**certificate);
  pem.key = std::move(*key_text);
  return pem;
}

std::string fingerprint_of(const X509& certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &size) != 1)
    return {};
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += "0123456789abcdef"[digest[i] >> 4];
    text += "0123456789abcdef"[digest[i] & 15];
  }
  return text;
}

/// Whether it may sign leaves, now.
caf::error check_certificate(X509& certificate, const std::string& path, time_point now) {
  // Fills the caches that the questions below read, too.
  if (X509_check_ca(&certificate) != 1 ||
      (X509_get_key_usage(&certificate) & KU_KEY_CERT_SIGN) == 0)
    return refused("the CA cert " + path +
                   " is not a CA's (basicConstraints CA:TRUE and keyUsage keyCertSign); put the "
                   "certificate of a CA there");
  const auto* until = X509_get0_notAfter(&certificate);
  if (now >= time_of(until))
    return refused("the CA cert " + path + " expired on " + text_of(until) +
                   "; remove it and its key so that both are made anew, then trust the new one");
  const auto* from = X509_get0_notBefore(&certificate);
  if (now < time_of(from))
    return refused("the CA cert " + path + " is not valid before " + text_of(from) +
                   "; set the clock right");
  return caf::none;
}

} // namespace

caf::expected<authority_ptr> authority::make(time_point now) {
  auto pem = make_pem(now);
  if (!pem)
    return std::move(pem.error());
  return parse(*pem, {"(memory)", "(memory)"}, now);
}

caf::expected<authority_ptr> authority::load(const ca_paths& paths, time_point now) {
  auto pem = read_ca_files(paths);
  if (!pem)
    return std::move(pem.error());
  if (!*pem)
    return refused("both managed MITM CA files must exist (cert=" + paths.certificate +
                   ", key=" + paths.key + "): neither does; restore them");
  return parse(**pem, paths, now);
}

caf::expected<authority_ptr> authority::load_or_make(const ca_paths& paths, time_point now) {
  auto pem = read_or_store_ca_files(paths, [now] { return make_pem(now); });
  if (!pem)
    return std::move(pem.error());
  return parse(*pem, paths, now);
}

authority::~authority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
  for (auto* each : chain_)
    X509_free(each);
}

caf::expected<authority_ptr> authority::parse(const ca_pem& pem, const ca_paths& paths,
                                              time_point now) {
  auto certificates = parse_certificates(pem.certificate);
  if (certificates.empty())
    return refused("failed to parse CA cert " + paths.certificate +
                   ": no PEM certificate in it; restore it, or remove both files so that they are "
                   "made anew");
  if (certificates.size() > max_issuers)
    return refused("too many certificates in " + paths.certificate + ": at most " +
                   std::to_string(max_issuers) + "; leave only the CA's, and those above it");
  auto key = parse_key(pem.key);
  if (!key)
    return refused("failed to parse CA key " + paths.key + ": " + last_error() +
                   "; it has to hold one PEM private key without a password");
  auto& certificate = *certificates.front();
  if (X509_check_private_key(&certificate, key.get()) != 1)
    return refused("the CA key " + paths.key + " does not match the CA cert " + paths.certificate +
                   "; restore the one that belongs to the other, or remove both so that they are "
                   "made anew");
  if (auto err = check_certificate(certificate, paths.certificate, now))
    return err;
  std::shared_ptr<authority> made{new authority};
  made->pem_ = tls::pem_of(certificate);
  made->fingerprint_ = fingerprint_of(certificate);
  made->valid_from_ = time_of(X509_get0_notBefore(&certificate));
  made->valid_until_ = time_of(X509_get0_notAfter(&certificate));
  made->key_ = key.release();
  X509_up_ref(made->certificate_ = &certificate);
  // A root is what clients have; what leads to it they have to be sent.
  for (auto& each : certificates)
    if (X509_check_issued(each.get(), each.get()) != X509_V_OK)
      made->chain_.push_back(each.release());
  return authority_ptr{std::move(made)};
}

} // namespace proxy::tls
