#pragma once

#include <caf/expected.hpp>
#include <string>
#include <vector>

#include "protocols/error.hpp"
#include "tls/authority.hpp"

namespace proxy::tls {

/// Where the programs that we start find whom to trust. All are 0644.
struct bundle_paths {
  std::string pem;         ///< Certificates, nothing else.
  std::string java_store;  ///< The same as a PKCS #12 trust store for Java; "" for none.
  std::string wget_file{}; ///< Tells Wget of the bundle, which no variable does; "" for none.
};

/// What opens the trust store; Java's own default, and no secret: it holds certificates only.
inline constexpr const char* java_store_password = "changeit";

/// Where the certificates come from.
struct bundle_sources {
  /// The platform's: the first of the files that exists, and all folders that exist.
  std::vector<std::string> root_files;
  std::vector<std::string> root_folders;
  std::string cert_file; ///< `SSL_CERT_FILE`, "" for none.
  std::string cert_dir;  ///< `SSL_CERT_DIR`, folders separated by ':', "" for none.

  /// Those of this platform and these of the user.
  [[nodiscard]] static bundle_sources usual(std::string cert_file, std::string cert_dir);
};

/// What became of a bundle.
struct bundle_report {
  size_t certificates = 0;        ///< How many it holds, ours included.
  bool is_new = false;            ///< A file was written; else all stood there already.
  std::vector<std::string> notes; ///< What was left out and why, for the log.
};

/// Writes what the platform and the user trust, then our CA, each certificate once. Nothing but
/// certificates gets in. At most 4 MiB of a file and of a folder count, 256 files of a folder in
/// SSL_CERT_DIR, 16 such folders. A bundle that SSL_CERT_FILE names is not read, so proxies inside
/// proxies do not let it grow. A file is replaced whole, and only when it would change.
/// @returns errc::invalid_config when SSL_CERT_FILE cannot be read or holds no certificate, when a
///          symlink or no regular file is in the way; errc::system when a file cannot be written.
[[nodiscard]] caf::expected<bundle_report>
write_bundle(const bundle_paths& paths, const bundle_sources& from, const authority& own);

} // namespace proxy::tls
