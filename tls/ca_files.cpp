#include "tls/ca_files.hpp"

#include <openssl/crypto.h>
#include <unistd.h>

#include "tls/files.hpp"

namespace proxy::tls {

namespace {

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
  auto key = staged_file::write(paths.key, pem.key, 0600);
  if (!key)
    return std::move(key.error());
  auto certificate = staged_file::write(paths.certificate, pem.certificate, 0644);
  if (!certificate)
    return std::move(certificate.error());
  return publish(paths, *certificate, *key);
}

} // namespace

ca_pem::~ca_pem() { OPENSSL_cleanse(key.data(), key.size()); }

caf::expected<std::optional<ca_pem>> read_ca_files(const ca_paths& paths) {
  for (const auto& path : {paths.key, paths.certificate})
    if (auto err = check_folder_of(path))
      return err;
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
