#include "tls/bundle.hpp"

#include <algorithm>
#include <sys/stat.h>

#include "tls/files.hpp"
#include "tls/java_store.hpp"
#include "tls/roots.hpp"

namespace proxy::tls {

namespace {

constexpr mode_t open_to_readers = 0644;
constexpr size_t max_bundle_bytes = 128 << 20; ///< More than all sources may hold.

bool has_mode(const std::string& path, mode_t mode) noexcept {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && (found.st_mode & 07777U) == mode;
}

/// Gives a file this content. @returns whether it had to be written.
caf::expected<bool> store(const std::string& path, std::string_view what,
                          const std::string& content) {
  if (auto err = make_folder_of(path))
    return err;
  auto there = read_file(path, what, {max_bundle_bytes});
  if (!there)
    return std::move(there.error());
  if (*there && **there == content && has_mode(path, open_to_readers))
    return false;
  auto staged = staged_file::write(path, content, open_to_readers);
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

} // namespace

bundle_sources bundle_sources::usual(std::string cert_file, std::string cert_dir) {
  auto& roots = usual_roots();
  return {roots.files, roots.folders, std::move(cert_file), std::move(cert_dir)};
}

caf::expected<bundle_report> write_bundle(const bundle_paths& paths, const bundle_sources& from,
                                          const authority& own) {
  root_set roots{own, paths.pem};
  roots.add_platform({from.root_files, from.root_folders});
  if (!from.cert_file.empty())
    if (auto err = roots.add_file(from.cert_file, "SSL_CERT_FILE"))
      return err;
  add_folders(roots, from.cert_dir);
  roots.finish();
  std::string pem;
  for (auto& certificate : roots.certificates()) {
    auto block = pem_of(*certificate);
    if (block.empty())
      return failure("cannot encode a certificate");
    pem += block;
  }
  auto is_new = store(paths.pem, "the trust bundle", pem);
  if (!is_new)
    return std::move(is_new.error());
  bundle_report report{roots.certificates().size(), *is_new, std::move(roots.notes())};
  if (!paths.wget_file.empty()) {
    is_new =
      store(paths.wget_file, "the settings for Wget", "ca_certificate = " + paths.pem + '\n');
    if (!is_new)
      return std::move(is_new.error());
    report.is_new = report.is_new || *is_new;
  }
  if (paths.java_store.empty())
    return report;
  auto encoded = java_store_of(roots.certificates(), java_store_password);
  if (!encoded)
    return std::move(encoded.error());
  is_new = store(paths.java_store, "the trust store", *encoded);
  if (!is_new)
    return std::move(is_new.error());
  report.is_new = report.is_new || *is_new;
  return report;
}

} // namespace proxy::tls
