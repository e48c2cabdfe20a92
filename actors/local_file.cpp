#include "actors/local_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace proxy {

std::string read_local_file(const std::string& path, std::string& text) {
  // O_NONBLOCK: opening a pipe that somebody put there must not hang the loop.
  auto fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return errno == ENOENT ? "" : std::strerror(errno);
  struct stat info {};
  std::string fault;
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
    fault = "not a regular file";
  text.resize(max_local_file + 1);
  size_t size = 0;
  while (fault.empty() && size < text.size()) {
    auto n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      fault = std::strerror(errno);
    if (n <= 0)
      break;
    size += static_cast<size_t>(n);
  }
  ::close(fd);
  if (size > max_local_file)
    fault = "larger than 4 MiB";
  text.resize(fault.empty() ? size : 0);
  return fault;
}

} // namespace proxy
