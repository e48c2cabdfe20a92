#include "tls/bundle.hpp"

#include <algorithm>
#include <filesystem>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tls/certificate.hpp"
#include "tls/files.hpp"
#include "tls/java_store.hpp"
#include "tls/roots.hpp"

namespace proxy::tls {

namespace {

namespace fs = std::filesystem;

constexpr size_t mark_size = 16; ///< Hexadecimal digits of a name that tells its content.
constexpr mode_t open_to_readers = 0644;
constexpr size_t max_bundle_bytes = 128 << 20; ///< More than all sources may hold.

/// Whether a file is as we make it: one of another user's might be changed at any time.
bool is_as_made(const std::string& path, mode_t mode) noexcept {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && (found.st_mode & 07777U) == mode &&
         (found.st_uid == ::geteuid() || found.st_uid == 0);
}

/// Gives a file this content. @returns whether it had to be written.
caf::expected<bool> store(const std::string& path, std::string_view what,
                          const std::string& content, mode_t mode = open_to_readers) {
  if (auto err = make_folder_of(path))
    return err;
  if (auto err = check_folder_of(path))
    return err;
  auto there = read_file(path, what, {max_bundle_bytes});
  if (!there)
    return std::move(there.error());
  if (*there && **there == content && is_as_made(path, mode))
    return false;
  auto staged = staged_file::write(path, content, mode);
  if (!staged)
    return std::move(staged.error());
  if (auto err = staged->replace())
    return err;
  if (auto err = sync_folder_of(path))
    return err;
  return true;
}

void add_folders(root_set& into, std::string_view list) {
  for (size_t count = 0; !list.empty(); ++count) {
    auto folder = std::string{list.substr(0, list.find(':'))};
    list.remove_prefix(std::min(folder.size() + 1, list.size()));
    if (count == max_folders) {
      into.notes().push_back("SSL_CERT_DIR names more than " + std::to_string(max_folders) +
                             " folders; " + folder + " and what follows are left out");
      return;
    }
    if (!folder.empty())
      into.add_folder(folder, max_folder_entries);
  }
}

/// Adds all sources, then our CA.
caf::error gather(root_set& into, const bundle_sources& from) {
  into.add_platform(from.platform);
  if (!from.cert_file.empty())
    if (auto err = into.add_file(from.cert_file, "SSL_CERT_FILE"))
      return err;
  add_folders(into, from.cert_dir);
  for (const auto& each : from.named)
    if (each.java_password)
      into.add_java_store(each.path, each.variable, *each.java_password);
    else
      into.add_path(each.path, each.variable);
  into.finish();
  return caf::none;
}

/// The content of both files that hold certificates.
struct encoded_roots {
  std::string pem;
  std::string java_store; ///< "" when none is wanted.
};

caf::expected<encoded_roots> encode(const root_set& roots, const bundle_paths& wanted) {
  encoded_roots out;
  for (const auto& certificate : roots.certificates()) {
    auto block = pem_of(*certificate);
    if (block.empty())
      return failure("cannot encode a certificate");
    out.pem += block;
  }
  if (wanted.java_store.empty())
    return out;
  auto store = java_store_of(roots.certificates(), java_store_password);
  if (!store)
    return std::move(store.error());
  out.java_store = std::move(*store);
  return out;
}

/// @returns whether a file had to be written.
caf::expected<bool> store_all(const bundle_paths& paths, const encoded_roots& what) {
  auto is_new = store(paths.pem, "the trust bundle", what.pem);
  auto add = [&](const std::string& path, std::string_view called, const std::string& content) {
    if (!is_new || path.empty())
      return;
    auto more = store(path, called, content);
    if (!more)
      is_new = std::move(more.error());
    else
      *is_new = *is_new || *more;
  };
  add(paths.wget_file, "the settings for Wget", "\nca_certificate = " + paths.pem + '\n');
  add(paths.java_store, "the trust store", what.java_store);
  return is_new;
}

/// What names a file by its content.
std::string mark_of(std::string_view content) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  std::string out;
  if (EVP_Digest(content.data(), content.size(), digest, &size, EVP_sha256(), nullptr) != 1)
    return out;
  for (size_t i = 0; i < mark_size / 2; ++i) {
    out += "0123456789abcdef"[digest[i] >> 4];
    out += "0123456789abcdef"[digest[i] & 15];
  }
  return out;
}

std::string marked(const std::string& beside, std::string_view stem, const std::string& mark,
                   std::string_view suffix) {
  auto name = std::string{stem} + '-' + mark + '.' + std::string{suffix};
  return fs::path{beside}.replace_filename(name).string();
}

/// Whether a file is named by its content, as `marked` does it.
bool is_marked(const std::string& name) {
  auto dot = name.rfind('.');
  auto dash = name.rfind('-');
  return dot != std::string::npos && dash != std::string::npos && dot == dash + 1 + mark_size &&
         name.find_first_not_of("0123456789abcdef", dash + 1) == dot;
}

/// A file that is used again is not old.
void note_use(const std::string& path) {
  std::error_code failed; // then somebody else made it, and keeps it young
  if (!path.empty())
    fs::last_write_time(path, fs::file_time_type::clock::now(), failed);
}

/// Removes what was made for clients of long ago.
void remove_stale(const std::string& beside) {
  std::error_code failed;
  auto limit = fs::file_time_type::clock::now() - bundle_age_limit;
  auto folder = fs::path{beside}.parent_path();
  for (fs::directory_iterator at{folder, failed}, end; !failed && at != end; at.increment(failed)) {
    std::error_code unknown;
    if (is_marked(at->path().filename().string()) &&
        (at->is_regular_file(unknown) || at->is_directory(unknown)) &&
        at->last_write_time(unknown) < limit && !unknown)
      fs::remove_all(at->path(), unknown); // follows no links
  }
}

} // namespace

std::span<const std::string_view> trust_variables() noexcept {
  static constexpr std::string_view names[] = {
    "CODEX_CA_CERTIFICATE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "NODE_EXTRA_CA_CERTS",
    "npm_config_cafile",
    "NPM_CONFIG_CAFILE",
    "YARN_HTTPS_CA_FILE_PATH",
    "YARN_CA_FILE_PATH",
    "PIP_CERT",
    "CONDA_SSL_VERIFY",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
    "BUNDLE_SSL_CA_CERT",
    "PERL_LWP_SSL_CA_FILE",
    "PERL_LWP_SSL_CA_PATH",
    "HTTPS_CA_FILE",
    "HTTPS_CA_DIR",
    "AWS_CA_BUNDLE",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "NIX_SSL_CERT_FILE",
    "HEX_CACERTS_PATH",
  };
  return names;
}

caf::expected<bundle_report> write_bundle(const bundle_paths& paths, const bundle_sources& from,
                                          const authority& own) {
  root_set roots{own.certificate(), paths.pem};
  if (auto err = gather(roots, from))
    return err;
  auto encoded = encode(roots, paths);
  if (!encoded)
    return std::move(encoded.error());
  bundle_report report{roots.certificates().size(), false, std::move(roots.notes())};
  auto is_new = store_all(paths, *encoded);
  if (!is_new)
    return std::move(is_new.error());
  report.is_new = *is_new;
  return report;
}

caf::expected<user_bundle> write_user_bundle(const bundle_paths& usual, const bundle_sources& from,
                                             std::string_view ca) {
  auto reader = reader_of(ca);
  certificate_ptr own{reader ? PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)
                             : nullptr};
  if (!own)
    return caf::make_error(errc::invalid_config, "the CA's file holds no certificate");
  root_set platform{*own, usual.pem};
  platform.add_platform(from.platform);
  root_set all{*own, usual.pem};
  if (auto err = gather(all, from))
    return err;
  user_bundle out{usual, {all.certificates().size(), false, std::move(all.notes())}};
  if (platform.certificates().size() + 1 == all.certificates().size())
    return out; // what the usual files hold as well
  auto encoded = encode(all, usual);
  if (!encoded)
    return std::move(encoded.error());
  auto mark = mark_of(encoded->pem);
  out.paths.pem = marked(usual.pem, "ca-bundle", mark, "pem");
  if (!usual.java_store.empty())
    out.paths.java_store = marked(usual.pem, "ca-bundle", mark, "p12");
  if (!usual.wget_file.empty())
    out.paths.wget_file = marked(usual.pem, "wgetrc", mark, "conf");
  auto is_new = store_all(out.paths, *encoded);
  if (!is_new)
    return std::move(is_new.error());
  out.report.is_new = *is_new;
  for (const auto& path : {out.paths.pem, out.paths.java_store, out.paths.wget_file})
    note_use(path);
  remove_stale(usual.pem);
  return out;
}

caf::expected<std::string> write_client_file(const std::string& beside, std::string_view stem,
                                             std::string_view suffix, const std::string& content,
                                             mode_t mode) {
  auto path = marked(beside, stem, mark_of(content), suffix);
  auto is_new = store(path, "a file for clients", content, mode);
  if (!is_new)
    return std::move(is_new.error());
  note_use(path);
  remove_stale(beside);
  return path;
}

caf::expected<std::string> write_client_folder(const std::string& beside, std::string_view stem,
                                               std::string_view name, const std::string& content,
                                               mode_t mode) {
  auto folder = marked(beside, stem, mark_of(content), "d");
  auto is_new = store(folder + '/' + std::string{name}, "a file for clients", content, mode);
  if (!is_new)
    return std::move(is_new.error());
  note_use(folder);
  remove_stale(beside);
  return folder;
}

} // namespace proxy::tls
