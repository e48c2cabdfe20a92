#include "tls/roots.hpp"

#include <algorithm>
#include <filesystem>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "tls/files.hpp"
#include "tls/java_store.hpp"

namespace proxy::tls {

namespace {

namespace fs = std::filesystem;

/// A block of a PEM file. It may be a key: wiped at the end.
struct pem_block {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* bytes = nullptr;
  long size = 0;

  pem_block() = default;
  ~pem_block() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(bytes, static_cast<size_t>(size));
  }
  pem_block(const pem_block&) = delete;
  pem_block& operator=(const pem_block&) = delete;
};

bool is_certificate(std::string_view name) noexcept {
  return name == PEM_STRING_X509 || name == PEM_STRING_X509_OLD || name == PEM_STRING_X509_TRUSTED;
}

/// The certificate in a block, without what a TRUSTED one says about it.
certificate_ptr certificate_in(const pem_block& block, bool& is_rejected) {
  const unsigned char* at = block.bytes;
  if (std::string_view{block.name} != PEM_STRING_X509_TRUSTED)
    return certificate_ptr{d2i_X509(nullptr, &at, block.size)};
  certificate_ptr trusted{d2i_X509_AUX(nullptr, &at, block.size)};
  if (!trusted)
    return nullptr;
  is_rejected = X509_check_trust(trusted.get(), X509_TRUST_SSL_SERVER, 0) == X509_TRUST_REJECTED;
  unsigned char* plain = nullptr;
  auto size = i2d_X509(trusted.get(), &plain);
  at = plain;
  certificate_ptr copy{size > 0 ? d2i_X509(nullptr, &at, size) : nullptr};
  OPENSSL_free(plain);
  return copy;
}

using digest = unsigned char[EVP_MAX_MD_SIZE];

std::string text_of(const digest& bytes, unsigned size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

std::string digest_of(const X509& certificate) {
  digest bytes;
  unsigned size = 0;
  return X509_digest(&certificate, EVP_sha256(), bytes, &size) == 1 ? text_of(bytes, size) : "";
}

/// What `digest_of` would say about the certificate in it, if it is one.
std::string digest_of(const pem_block& block) {
  digest bytes;
  unsigned size = 0;
  return EVP_Digest(block.bytes, static_cast<size_t>(block.size), bytes, &size, EVP_sha256(),
                    nullptr) == 1
           ? text_of(bytes, size)
           : "";
}

/// The files of a folder, through links, in the order of their names.
std::vector<std::string> files_in(const std::string& path, size_t most, bool& are_more) {
  std::vector<std::string> files;
  std::error_code failed;
  for (fs::directory_iterator at{path, failed}, end; !failed && at != end; at.increment(failed)) {
    std::error_code unknown;
    if (!at->is_regular_file(unknown))
      continue;
    if ((are_more = files.size() == most))
      break;
    files.push_back(at->path().string());
  }
  std::ranges::sort(files);
  return files;
}

bool is_folder(const std::string& path) {
  std::error_code unknown;
  return fs::is_directory(path, unknown);
}

} // namespace

const platform_roots& usual_roots() {
  static const platform_roots roots{
    {X509_get_default_cert_file(), "/etc/ssl/certs/ca-certificates.crt",
     "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/pki/tls/certs/ca-bundle.crt",
     "/etc/ssl/ca-bundle.pem", "/etc/pki/tls/cacert.pem", "/etc/ssl/cert.pem",
     "/opt/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/cacert.pem"},
    {"/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/security/certificates"},
    X509_get_default_cert_dir()};
  return roots;
}

std::string first_file(const std::vector<std::string>& paths) {
  std::error_code unknown;
  auto found =
    std::ranges::find_if(paths, [&](auto& path) { return fs::is_regular_file(path, unknown); });
  return found == paths.end() ? "" : *found;
}

root_set::root_set(X509& own, std::string ours) : own_(own), ours_(std::move(ours)) {
  seen_.insert(digest_of(own));
}

size_t root_set::add_pem(std::string_view text, std::string_view from) {
  auto reader = reader_of(text);
  size_t found = 0, broken = 0, rejected = 0;
  for (;;) {
    ERR_clear_error();
    pem_block block;
    if (!reader ||
        PEM_read_bio(reader.get(), &block.name, &block.header, &block.bytes, &block.size) != 1) {
      if (!reader || ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
        break;
      ++broken; // it has passed over the line that begins the block, so this ends
      continue;
    }
    if (!is_certificate(block.name))
      continue;
    ++found;
    // Folders hold most certificates under several names, and to parse one takes long.
    if (seen_.contains(digest_of(block)))
      continue;
    bool is_rejected = false;
    auto certificate = certificate_in(block, is_rejected);
    if (!certificate)
      ++broken;
    else if (is_rejected)
      ++rejected;
    else
      add(std::move(certificate));
  }
  ERR_clear_error();
  if (broken > 0)
    note(std::string{from} + ": " + std::to_string(broken) + " blocks cannot be read");
  if (rejected > 0)
    note(std::string{from} + ": " + std::to_string(rejected) + " are not trusted for servers");
  return found;
}

caf::error root_set::add_file(const std::string& path, std::string_view what) {
  if (is_ours(path))
    return caf::none;
  auto text = read_file(path, what, {max_root_file_bytes, false, true});
  if (!text)
    return std::move(text.error());
  std::string called = std::string{what} + " " + path;
  if (!*text)
    return caf::make_error(errc::invalid_config, called + " does not exist");
  auto found = add_pem(**text, called);
  OPENSSL_cleanse((*text)->data(), (*text)->size());
  if (found == 0)
    return caf::make_error(errc::invalid_config, called + " holds no certificate");
  return caf::none;
}

void root_set::add_folder(const std::string& path, size_t max_entries) {
  if (!is_folder(path))
    return note(path + " is no folder");
  std::error_code unknown;
  if (!folders_.insert(fs::canonical(path, unknown).string()).second)
    return;
  bool are_more = false;
  auto room = max_root_file_bytes;
  for (auto& file : files_in(path, max_entries, are_more)) {
    if (is_ours(file))
      continue;
    auto text = read_file(file, "certificate file", {max_root_file_bytes, false, true});
    if (!text) {
      note(context_of(text.error()));
      continue;
    }
    if (!*text)
      continue;
    if ((*text)->size() > room)
      return note(path + " holds more than " + std::to_string(max_root_file_bytes) +
                  " bytes; what comes after " + file + " is left out");
    room -= (*text)->size();
    add_pem(**text, file);
    OPENSSL_cleanse((*text)->data(), (*text)->size());
  }
  if (are_more)
    note(path + " holds more than " + std::to_string(max_entries) + " files; some are left out");
}

void root_set::add_platform(const platform_roots& from) {
  if (auto file = first_file(from.files); !file.empty())
    if (auto err = add_file(file, "the platform's roots"))
      note(context_of(err));
  for (auto& folder : from.folders)
    if (is_folder(folder))
      add_folder(folder, max_platform_entries);
}

void root_set::add_path(const std::string& path, std::string_view what) {
  if (is_folder(path))
    return add_folder(path, max_platform_entries);
  if (auto err = add_file(path, what))
    note(context_of(err));
}

void root_set::add_java_store(const std::string& path, std::string_view what,
                              const std::string& password) {
  auto called = std::string{what} + " " + path;
  auto bytes = read_file(path, what, {max_root_file_bytes, false, true});
  if (!bytes)
    return note(context_of(bytes.error()));
  if (!*bytes)
    return note(called + " does not exist");
  auto found = read_java_store(**bytes, password.c_str());
  if (!found)
    return note(called + ": " + context_of(found.error()));
  for (auto& certificate : *found)
    add(std::move(certificate));
}

void root_set::finish() {
  X509_up_ref(&own_);
  certificates_.emplace_back(&own_);
}

void root_set::add(certificate_ptr certificate) {
  if (seen_.insert(digest_of(*certificate)).second)
    certificates_.push_back(std::move(certificate));
}

void root_set::note(std::string text) {
  if (notes_.size() < max_notes)
    notes_.push_back(std::move(text));
}

bool root_set::is_ours(const std::string& path) const {
  std::error_code none_there;
  return fs::equivalent(path, ours_, none_there);
}

} // namespace proxy::tls
