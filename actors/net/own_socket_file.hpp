#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace proxy {

/// What tells a file from all others, whatever it is called.
struct file_id {
  dev_t device{};
  ino_t inode{};
  friend bool operator==(const file_id&, const file_id&) = default;
};

/// The file of a unix socket that this process listens on, listed as long as this lives: by its
/// inode, so that a link or another name leads nobody to it. The list is the process's, not one
/// proxy's: two in one process do not serve each other either. From any thread.
class own_socket_file {
public:
  own_socket_file() = default;
  /// @param path  As it was bound, just now.
  explicit own_socket_file(std::string path);
  own_socket_file(own_socket_file&& other) noexcept { *this = std::move(other); }
  own_socket_file& operator=(own_socket_file&& other) noexcept;
  ~own_socket_file();

  /// Whether it is this file that has the name still. (Another may have come to stand there.)
  [[nodiscard]] bool is_in_place() const;

private:
  std::string path_; ///< "": none.
  file_id file_;
};

/// Removes those of this process that are in place, for one that ends without closing its sockets.
void remove_own_socket_files();

/// Whether this process listens there.
[[nodiscard]] bool is_own_socket(const file_id& file);
/// The same by the name that a connection's other end gives (getpeername(2)).
[[nodiscard]] bool is_own_socket(std::string_view bound_path);

} // namespace proxy
