#include "tls/ca_files.hpp"

#include <openssl/crypto.h>
#include <pthread.h>
#include <unistd.h>

#include <chrono>

#include "tls/files.hpp"

namespace proxy::tls {

namespace {

/// Files are written and synced meanwhile: a disk that takes longer is not waited for.
constexpr std::chrono::seconds longest_hold{5};

std::timed_mutex& the_only_hold() {
  static std::timed_mutex one;
  return one;
}

caf::error half_missing(const ca_paths& paths, bool has_certificate) {
  const auto& present = has_certificate ? paths.certificate : paths.key;
  const auto& missing = has_certificate ? paths.key : paths.certificate;
  return caf::make_error(errc::invalid_config,
                         "both managed MITM CA files must exist (cert=" + paths.certificate +
                           ", key=" + paths.key + "): " + missing +
                           " is missing; restore it, or remove " + present +
                           " so that both are made anew");
}

/// Publishes the key, then the certificate, and takes the key back when the certificate cannot
/// follow: half a pair would stop the next start.
caf::error publish(const ca_paths& paths, const staged_file& certificate, const staged_file& key) {
  if (auto err = key.publish())
    return err;
  if (auto err = certificate.publish()) {
    ::unlink(paths.key.c_str());
    return err;
  }
  if (auto err = sync_folder_of(paths.key))
    return err;
  return sync_folder_of(paths.certificate);
}

caf::error store(const ca_paths& paths, const ca_pem& pem) {
  ca_files_hold until_both_are_there;
  auto key = staged_file::write(paths.key, pem.key, 0600);
  if (!key)
    return std::move(key.error());
  auto certificate = staged_file::write(paths.certificate, pem.certificate, 0644);
  if (!certificate)
    return std::move(certificate.error());
  return publish(paths, *certificate, *key);
}

} // namespace

ca_files_hold::ca_files_hold() {
  sigset_t to_end; // its functions are macros on some systems
  sigemptyset(&to_end);
  for (auto number : {SIGHUP, SIGINT, SIGTERM})
    sigaddset(&to_end, number);
  ::pthread_sigmask(SIG_BLOCK, &to_end, &before_);
  held_ = std::unique_lock{the_only_hold(), longest_hold};
}

ca_files_hold::~ca_files_hold() {
  held_ = {};
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

ca_pem::~ca_pem() { OPENSSL_cleanse(key.data(), key.size()); }

caf::expected<std::optional<ca_pem>> read_ca_files(const ca_paths& paths) {
  // A folder that others may write to is not refused: nobody else can make a key file of ours, and
  // a certificate that is not of the key is found out.
  auto certificate =
    read_file(paths.certificate, "managed MITM CA cert", {max_ca_file_bytes, false, false});
  if (!certificate)
    return std::move(certificate.error());
  auto key = read_file(paths.key, "managed MITM CA key", {max_ca_file_bytes, true, false});
  if (!key)
    return std::move(key.error());
  if (!*certificate && !*key)
    return std::nullopt;
  if (!*certificate || !*key)
    return half_missing(paths, certificate->has_value());
  ca_pem pem;
  pem.certificate = std::move(**certificate);
  pem.key = std::move(**key);
  return std::optional{std::move(pem)};
}

caf::expected<ca_pem> read_or_store_ca_files(const ca_paths& paths,
                                             const std::function<caf::expected<ca_pem>()>& make) {
  if (exists(paths.certificate) && exists(paths.key)) {
    auto found = read_ca_files(paths);
    if (!found)
      return std::move(found.error());
    if (*found)
      return std::move(**found);
  }
  if (auto err = make_folder_of(paths.key))
    return err;
  if (auto err = make_folder_of(paths.certificate))
    return err;
  // Whoever makes the files holds the lock until both are there, so half a pair seen under it is
  // really half a pair.
  folder_lock alone{paths.key};
  auto found = read_ca_files(paths);
  if (!found)
    return std::move(found.error());
  if (*found)
    return std::move(**found);
  auto made = make();
  if (!made)
    return made;
  if (auto err = store(paths, *made))
    return err;
  return made;
}

} // namespace proxy::tls
