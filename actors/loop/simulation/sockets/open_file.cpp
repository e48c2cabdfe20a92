#include "actors/loop/simulation/sockets/open_file.hpp"

#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace proxy::simulation {

int failed(int error) noexcept {
  errno = error;
  return -1;
}

int open_file::bind(const ip_sockaddr&) { return failed(EINVAL); }
int open_file::connect(const ip_sockaddr&) { return failed(EOPNOTSUPP); }
ssize_t open_file::read(std::span<char>, bool) { return failed(ENOTCONN); }
ssize_t open_file::write(std::span<const iovec>) { return failed(ENOTCONN); }

std::string path_of(const ip_sockaddr& name) {
  if (name.family() != AF_UNIX || name.size <= offsetof(sockaddr_un, sun_path))
    return {};
  auto room = name.size - offsetof(sockaddr_un, sun_path);
  auto* path = reinterpret_cast<const sockaddr_un*>(name.get())->sun_path;
  return std::string(path, ::strnlen(path, room));
}

ip_sockaddr name_of(const std::string& path) noexcept {
  ip_sockaddr out;
  out.storage.ss_family = AF_UNIX;
  auto* room = reinterpret_cast<sockaddr_un*>(out.get())->sun_path;
  auto size = path.copy(room, sizeof(sockaddr_un::sun_path) - 1);
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size + 1);
  return out;
}

ip_sockaddr unnamed() noexcept {
  ip_sockaddr out;
  out.storage.ss_family = AF_UNIX;
  out.size = offsetof(sockaddr_un, sun_path);
  return out;
}

std::optional<socket_file> socket_file_at(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode))
    return std::nullopt;
  return socket_file{info.st_dev, info.st_ino};
}

} // namespace proxy::simulation
