#include "actors/dns/local_file.hpp"

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
  text.clear();
  char block[16 * 1024]; // most such files are small, and room for the largest would stay with us
  while (fault.empty()) {
    auto n = ::read(fd, block, sizeof block);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      fault = std::strerror(errno);
    if (n <= 0)
      break;
    text.append(block, static_cast<size_t>(n));
    if (text.size() > max_local_file)
      fault = "larger than 4 MiB";
  }
  ::close(fd);
  if (!fault.empty())
    text.clear();
  return fault;
}

} // namespace proxy
