#include <atomic>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "tls/client.hpp"
#include "tls/files.hpp"
#include "tls/ssl.hpp"

namespace proxy::tls {

namespace {

constexpr size_t max_file_bytes = 256 * 1024;
constexpr size_t max_chain = 10;

caf::expected<std::string> read(const std::string& path, std::string_view what, bool is_private) {
  auto found = read_file(
    path, what, {.max_bytes = max_file_bytes, .is_private = is_private, .allows_symlink = true});
  if (!found)
    return std::move(found.error());
  if (!*found)
    return refused(std::string{what} + " " + path + " is missing; put it there");
  return std::move(**found);
}

} // namespace

caf::expected<client_identity_ptr> client_identity::load(const std::string& certificate,
                                                         const std::string& key) {
  static std::atomic<uint64_t> identities{0};
  auto chain = read(certificate, "the client certificate", false);
  if (!chain)
    return std::move(chain.error());
  auto secret = read(key, "the client key", true);
  if (!secret)
    return std::move(secret.error());
  std::shared_ptr<client_identity> made{new client_identity};
  made->name_ = certificate;
  made->id_ = ++identities;
  if (auto reader = reader_of(*secret))
    made->key_ = PEM_read_bio_PrivateKey(reader.get(), nullptr, no_password, nullptr);
  OPENSSL_cleanse(secret->data(), secret->size());
  if (!made->key_)
    return refused("failed to parse the client key " + key + ": " + last_error() +
                   "; it has to hold one PEM private key without a password");
  auto reader = reader_of(*chain);
  while (reader && made->chain_.size() <= max_chain) {
    auto* next = PEM_read_bio_X509(reader.get(), nullptr, no_password, nullptr);
    if (!next)
      break;
    made->chain_.push_back(next);
  }
  ERR_clear_error(); // the end of the file is an error to OpenSSL
  if (made->chain_.empty())
    return refused("failed to parse the client certificate " + certificate +
                   ": no PEM certificate in it");
  if (made->chain_.size() > max_chain)
    return refused("too many certificates in " + certificate + ": at most " +
                   std::to_string(max_chain));
  if (X509_check_private_key(made->chain_.front(), made->key_) != 1)
    return refused("the client key " + key + " does not match the client certificate " +
                   certificate + "; name the one that belongs to it");
  return client_identity_ptr{std::move(made)};
}

client_identity::~client_identity() {
  for (auto* each : chain_)
    X509_free(each);
  EVP_PKEY_free(key_);
}

std::string client_identity::expired_by(time_point now) const {
  const auto* until = X509_get0_notAfter(chain_.front());
  return now >= time_of(until) ? text_of(until) : std::string{};
}

bool client_identity::use_in(ssl_st& session) const {
  if (SSL_use_certificate(&session, chain_.front()) != 1 || SSL_use_PrivateKey(&session, key_) != 1)
    return false;
  for (size_t i = 1; i < chain_.size(); ++i)
    if (SSL_add1_chain_cert(&session, chain_[i]) != 1)
      return false;
  return true;
}

} // namespace proxy::tls
