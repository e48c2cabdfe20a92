#pragma once

#include <caf/expected.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "protocols/error.hpp"

/// Files that are read with suspicion and written whole or not at all.
namespace proxy::tls {

/// What is demanded of a file before a byte of it is read.
struct file_demands {
  size_t max_bytes = 0;
  bool is_private = false; ///< Ours or root's, with no right for group and others.
  bool allows_symlink = false;
};

/// The content of a regular file; `nullopt` when there is none of this name.
/// @param what  How errors call the file, e.g. "the CA key".
/// @returns errc::invalid_config with the name of the file and what to do about it.
[[nodiscard]] caf::expected<std::optional<std::string>>
read_file(const std::string& path, std::string_view what, const file_demands& demands);

/// Whether something has this name; a dangling link counts.
[[nodiscard]] bool exists(const std::string& path) noexcept;

/// Makes the directory a file is to stand in, 0700, and those above it.
/// @returns errc::system with errno text.
[[nodiscard]] caf::error make_folder_of(const std::string& path);

/// Whether a folder that a group may write to will do when it is root who gave it to that group
/// (`/var/log` is syslog's on some systems).
enum class shared_by_root : bool { no, yes };

/// Whether nobody but us and root can put another file in the place of this one: the directory it
/// stands in is ours or root's, and others may write to it only where the sticky bit keeps them
/// from each other's files. A directory that is not there yet is no error.
/// @returns errc::invalid_config with the name of the directory and what to do about it.
[[nodiscard]] caf::error check_folder_of(const std::string& path,
                                         shared_by_root group = shared_by_root::no);

/// A descriptor of the directory a file stands in, locked against every other holder of one, or
/// not locked where the file system has no locks.
class folder_lock {
public:
  explicit folder_lock(const std::string& path) noexcept;
  ~folder_lock();
  folder_lock(const folder_lock&) = delete;
  folder_lock& operator=(const folder_lock&) = delete;

private:
  int descriptor_;
};

/// A file that has been written and synced under a temporary name beside the one it is meant for.
/// The temporary name goes away with the object.
class staged_file {
public:
  /// @returns errc::system with errno text.
  [[nodiscard]] static caf::expected<staged_file> write(std::string path, std::string_view content,
                                                        mode_t mode);
  ~staged_file();
  staged_file(staged_file&& other) noexcept;
  staged_file& operator=(staged_file&&) = delete;

  /// Gives the file its name unless something has that name already.
  /// @returns errc::system; "refusing to overwrite" when something has.
  [[nodiscard]] caf::error publish() const;
  /// Gives the file its name in place of what had it before.
  [[nodiscard]] caf::error replace();

private:
  staged_file(std::string path, std::string temporary)
    : path_(std::move(path)), temporary_(std::move(temporary)) {}

  std::string path_;
  std::string temporary_; ///< "" once it is gone.
};

/// Makes the names in the directory of `path` last over a power failure.
[[nodiscard]] caf::error sync_folder_of(const std::string& path);

} // namespace proxy::tls
