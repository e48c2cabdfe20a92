#include "tls/files.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace proxy::tls {

namespace {

namespace fs = std::filesystem;

/// Closes a descriptor at the end of a scope.
struct descriptor {
  int number;
  explicit descriptor(int from) noexcept : number(from) {}
  ~descriptor() {
    if (number >= 0)
      ::close(number);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

std::string errno_text(int code) { return std::generic_category().message(code); }

caf::error bad_file(std::string text) {
  return caf::make_error(errc::invalid_config, std::move(text));
}

caf::error failed(std::string_view call, const std::string& path, int code) {
  return caf::make_error(errc::system, std::string{call} + " " + path + ": " + errno_text(code));
}

std::string folder_of(const std::string& path) {
  auto folder = fs::path{path}.parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string octal(mode_t mode) {
  std::array<char, 8> digits{'0'};
  auto end = std::to_chars(digits.data() + 1, digits.data() + digits.size(), mode & 07777U, 8);
  return {digits.data(), end.ptr};
}

bool is_ours_or_roots(const struct stat& found) noexcept {
  return found.st_uid == ::geteuid() || found.st_uid == 0;
}

caf::error check(const struct stat& found, const std::string& path, const std::string& what,
                 const file_demands& demands) {
  if (!S_ISREG(found.st_mode))
    return bad_file(what + " is not a regular file: " + path + "; put a plain file there");
  if (static_cast<size_t>(found.st_size) > demands.max_bytes)
    return bad_file(what + " " + path + " is larger than " + std::to_string(demands.max_bytes) +
                    " bytes; it should hold PEM blocks and nothing else");
  if (!demands.is_private)
    return caf::none;
  if ((found.st_mode & 077U) != 0)
    return bad_file(what + " " + path + " must not be group/world accessible (mode=" +
                    octal(found.st_mode) + "; expected <= 0600); run chmod 600 on it");
  if (!is_ours_or_roots(found))
    return bad_file(what + " " + path + " belongs to user " + std::to_string(found.st_uid) +
                    "; it must belong to the user the proxy runs as, or to root");
  return caf::none;
}

/// Reads to the end. @returns 0, or errno; EFBIG when it has grown beyond `most`.
int read_all(int from, std::string& into, size_t most) {
  std::array<char, 16384> chunk;
  for (;;) {
    auto got = ::read(from, chunk.data(), chunk.size());
    if (got == 0)
      return 0;
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return errno;
    into.append(chunk.data(), static_cast<size_t>(got));
    if (into.size() > most)
      return EFBIG;
  }
}

/// Writes and syncs. @returns 0, or errno.
int write_all(int to, std::string_view content) {
  while (!content.empty()) {
    auto sent = ::write(to, content.data(), content.size());
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0)
      return errno;
    content.remove_prefix(static_cast<size_t>(sent));
  }
  return ::fsync(to) == 0 ? 0 : errno;
}

/// ".ca.key.tmp.4711.1234567", beside `path`. Opened exclusively, so that a guess is no harm.
std::string temporary_name(const std::string& path) {
  uint32_t tail = 0;
  (void)RAND_bytes(reinterpret_cast<unsigned char*>(&tail), sizeof tail);
  fs::path whole{path};
  auto name = "." + whole.filename().string() + ".tmp." + std::to_string(::getpid()) + "." +
              std::to_string(tail);
  return whole.replace_filename(name).string();
}

} // namespace

caf::expected<std::optional<std::string>> read_file(const std::string& path, std::string_view what,
                                                    const file_demands& demands) {
  std::string called{what};
  // Without O_NONBLOCK a FIFO would hold us until somebody writes to it.
  descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK |
                                         (demands.allows_symlink ? 0 : O_NOFOLLOW))};
  if (file.number < 0) {
    auto code = errno;
    if (code == ENOENT)
      return std::nullopt;
    if (code == ELOOP)
      return bad_file("refusing to use symlink for " + called + " " + path +
                      "; put the file itself there");
    if (code == ENXIO)
      return bad_file(called + " is not a regular file: " + path + "; put a plain file there");
    return bad_file("failed to read " + called + " " + path + ": " + errno_text(code));
  }
  struct stat found {};
  if (::fstat(file.number, &found) != 0)
    return bad_file("failed to read " + called + " " + path + ": " + errno_text(errno));
  if (auto err = check(found, path, called, demands))
    return err;
  std::string content;
  if (auto code = read_all(file.number, content, demands.max_bytes); code != 0)
    return bad_file("failed to read " + called + " " + path + ": " + errno_text(code));
  return std::optional{std::move(content)};
}

bool exists(const std::string& path) noexcept {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

caf::error make_folder_of(const std::string& path) {
  fs::path folder{folder_of(path)};
  std::error_code code;
  if (fs::is_directory(folder, code))
    return caf::none;
  fs::path made;
  for (const auto& part : folder) {
    made /= part;
    auto error = ::mkdir(made.c_str(), 0700) == 0 ? 0 : errno; // the question below has its own
    if (error != 0 && error != EEXIST && !fs::is_directory(made, code))
      return failed("failed to create", made.string(), error);
  }
  return fs::is_directory(folder, code) ? caf::none
                                        : failed("failed to create", folder.string(), ENOTDIR);
}

caf::error check_folder_of(const std::string& path, shared_by_root group) {
  auto folder = folder_of(path);
  struct stat found {};
  if (::stat(folder.c_str(), &found) != 0)
    return errno == ENOENT ? caf::none
                           : bad_file("failed to look at " + folder + ": " + errno_text(errno));
  auto foreign = "folder " + folder + ", where others could put their own file in place of " + path;
  if (!is_ours_or_roots(found))
    return bad_file("refusing " + foreign + ": it belongs to user " + std::to_string(found.st_uid) +
                    "; it must belong to the user the proxy runs as, or to root");
  auto by_others = found.st_mode & S_IWOTH;
  if (group == shared_by_root::no || found.st_uid != 0)
    by_others |= found.st_mode & S_IWGRP;
  if (by_others == 0 || (found.st_mode & S_ISVTX) != 0)
    return caf::none;
  return bad_file("refusing " + foreign + " (mode=" + octal(found.st_mode) +
                  "); run chmod go-w on the folder");
}

folder_lock::folder_lock(const std::string& path) noexcept
  : descriptor_(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  while (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

folder_lock::~folder_lock() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

caf::expected<staged_file> staged_file::write(std::string path, std::string_view content,
                                              mode_t mode) {
  auto temporary = temporary_name(path);
  descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
  if (file.number < 0)
    return failed("failed to create", temporary, errno);
  staged_file staged{std::move(path), std::move(temporary)};
  // The umask has had its say at open(2); a key is never more open than `mode` in between.
  if (::fchmod(file.number, mode) != 0)
    return failed("failed to set the mode of", staged.temporary_, errno);
  if (auto code = write_all(file.number, content); code != 0)
    return failed("failed to write", staged.temporary_, code);
  return staged;
}

staged_file::~staged_file() {
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
}

staged_file::staged_file(staged_file&& other) noexcept
  : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, {})) {}

caf::error staged_file::publish() const {
  if (::link(temporary_.c_str(), path_.c_str()) == 0)
    return caf::none;
  auto code = errno;
  if (code == EEXIST)
    return caf::make_error(errc::system, "refusing to overwrite existing file " + path_);
  if (code != EPERM && code != ENOTSUP && code != ENOSYS)
    return failed("failed to create", path_, code);
  // A file system without hard links: O_EXCL takes the name, and rename(2) fills it.
  descriptor claimed{::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (claimed.number < 0)
    return errno == EEXIST
             ? caf::make_error(errc::system, "refusing to overwrite existing file " + path_)
             : failed("failed to create", path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) == 0)
    return caf::none;
  code = errno;
  ::unlink(path_.c_str());
  return failed("failed to create", path_, code);
}

caf::error staged_file::replace() {
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    return failed("failed to replace", path_, errno);
  temporary_.clear();
  return caf::none;
}

caf::error sync_folder_of(const std::string& path) {
  auto folder = folder_of(path);
  descriptor open{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  // Some network file systems cannot sync a directory and say EINVAL: nothing to be done.
  if (open.number < 0 || (::fsync(open.number) != 0 && errno != EINVAL))
    return failed("failed to sync", folder, errno);
  return caf::none;
}

} // namespace proxy::tls
