#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "tls/authority.hpp"
#include "tls/openssl.hpp"
#include "tls/platform_roots.hpp"

/// Certificates that are trusted, gathered from files and folders; for the sources of this folder.
namespace proxy::tls {

/// The first of these that is a file; "" when none is.
[[nodiscard]] std::string first_file(const std::vector<std::string>& paths);

/// Bounds on one source of certificates.
inline constexpr size_t max_root_file_bytes = 4 << 20; ///< Of a file, or all in one folder.
inline constexpr size_t max_platform_entries = 4096;   ///< Of a folder of the platform.
inline constexpr size_t max_folder_entries = 256;      ///< Of a folder in SSL_CERT_DIR.
inline constexpr size_t max_folders = 16;              ///< Folders in SSL_CERT_DIR.

/// Certificates in the order they came, each once (by its encoding). Nothing else that a file holds
/// gets in: no key, no text, no attribute of trust.
class root_set {
public:
  /// @param own   Our CA, which comes last and counts once, wherever else it stands.
  /// @param ours  The bundle we write: as a source it would only bring back what it was made of.
  ///              "" for none.
  root_set(X509& own, std::string ours);

  /// Adds the blocks CERTIFICATE and TRUSTED CERTIFICATE, the latter unless they are not trusted
  /// for servers, in PEM. Other text is passed over.
  /// @returns how many such blocks there were.
  size_t add_pem(std::string_view text, std::string_view from);
  /// Adds those in a file.
  /// @param what  How errors call it.
  /// @returns errc::invalid_config when it cannot be read, is too large, or holds none.
  [[nodiscard]] caf::error add_file(const std::string& path, std::string_view what);
  /// Adds those in the files of a folder, in the order of their names, unless it has been read
  /// before. What cannot be read becomes a note.
  void add_folder(const std::string& path, size_t max_entries);
  /// Adds those of the platform; their absence is no error.
  void add_platform(const platform_roots& from);
  /// Adds those in a file or folder; what cannot be read, or holds none, becomes a note.
  void add_path(const std::string& path, std::string_view what);
  /// Adds those in a trust store of Java; one that cannot be read becomes a note.
  void add_java_store(const std::string& path, std::string_view what, const std::string& password);
  /// Adds our CA.
  void finish();

  [[nodiscard]] const std::vector<certificate_ptr>& certificates() const noexcept {
    return certificates_;
  }
  /// What was left out, a sentence each; at most `max_notes`.
  [[nodiscard]] std::vector<std::string>& notes() noexcept { return notes_; }

  static constexpr size_t max_notes = 32;

private:
  void add(certificate_ptr certificate);
  void note(std::string text);
  [[nodiscard]] bool is_ours(const std::string& path) const;

  X509& own_;
  std::string ours_;
  std::unordered_set<std::string> seen_;    ///< SHA-256 of each encoding.
  std::unordered_set<std::string> folders_; ///< Those read, links resolved.
  std::vector<certificate_ptr> certificates_;
  std::vector<std::string> notes_;
};

} // namespace proxy::tls
