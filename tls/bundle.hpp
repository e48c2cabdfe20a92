#pragma once

#include <caf/expected.hpp>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "protocols/error.hpp"
#include "tls/authority.hpp"
#include "tls/platform_roots.hpp"

namespace proxy::tls {

/// Where the programs that we start find whom to trust. All are 0644.
struct bundle_paths {
  std::string pem;         ///< Certificates, nothing else.
  std::string java_store;  ///< The same as a PKCS #12 trust store for Java; "" for none.
  std::string wget_file{}; ///< Tells Wget of the bundle, which no variable does; "" for none.
};

/// What opens the trust store; Java's own default, and no secret: it holds certificates only.
inline constexpr const char* java_store_password = "changeit";

/// Variables by which users tell tools whom to trust, beside SSL_CERT_FILE and SSL_CERT_DIR: each
/// names a file, or a folder.
[[nodiscard]] std::span<const std::string_view> trust_variables() noexcept;

/// A file or folder of certificates that a variable names.
struct named_trust {
  std::string variable;
  std::string path;
  /// What opens it, when it is a trust store of Java.
  std::optional<std::string> java_password{};
};

/// Where the certificates come from.
struct bundle_sources {
  platform_roots platform;
  std::string cert_file; ///< `SSL_CERT_FILE`, "" for none.
  std::string cert_dir;  ///< `SSL_CERT_DIR`, folders separated by ':', "" for none.
  /// What else the user trusts. Unlike a bad SSL_CERT_FILE, what cannot be read is left out: it
  /// concerns the tool of that variable alone.
  std::vector<named_trust> named{};
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

/// The files of one user's clients: those of `usual` when the user trusts no more than the platform
/// does; else files beside them whose names tell their content (`ca-bundle-0123456789abcdef.pem`),
/// so that users, and proxies, do not take each other's away. Those that nobody has asked for in
/// `bundle_age_limit` are removed.
struct user_bundle {
  bundle_paths paths;
  bundle_report report;
};

inline constexpr std::chrono::days bundle_age_limit{30};

/// @param ca  The certificate of our CA, PEM: whoever starts a client need not be able to read the
///            key.
/// @returns errc::invalid_config when that is no certificate; else as `write_bundle`.
[[nodiscard]] caf::expected<user_bundle>
write_user_bundle(const bundle_paths& usual, const bundle_sources& from, std::string_view ca);

/// Writes a file for clients, in the folder of `beside`, under a name that tells its content:
/// `stem-0123456789abcdef.suffix`. @returns its path.
[[nodiscard]] caf::expected<std::string> write_client_file(const std::string& beside,
                                                           std::string_view stem,
                                                           std::string_view suffix,
                                                           const std::string& content, mode_t mode);

/// The same for a tool that asks for a folder with a file of a certain name in it: that stands in
/// `stem-0123456789abcdef.d`. @returns the folder's path.
[[nodiscard]] caf::expected<std::string>
write_client_folder(const std::string& beside, std::string_view stem, std::string_view name,
                    const std::string& content, mode_t mode);

} // namespace proxy::tls
