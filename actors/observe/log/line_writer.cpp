#include "actors/observe/log/line_writer.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace proxy {

namespace {

/// A pipe that polls as writable takes this much without blocking (POSIX: PIPE_BUF, at least 512).
constexpr size_t sure_size = 4096;

bool is_regular(int fd) noexcept {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

/// The longest run of whole lines that surely fits, or else the start of a line.
std::string_view next_piece(std::string_view bytes) noexcept {
  if (bytes.size() <= sure_size)
    return bytes;
  auto end = bytes.rfind('\n', sure_size - 1);
  return bytes.substr(0, end == std::string_view::npos ? sure_size : end + 1);
}

} // namespace

bool line_writer::wait_for_room() {
  pollfd watched{fd_, POLLOUT, 0};
  auto timeout = stalled_ ? 0 : static_cast<int>(patience.count());
  int n = 0;
  do
    n = ::poll(&watched, 1, timeout);
  while (n < 0 && errno == EINTR);
  stalled_ = n == 0;
  if (n == 0)
    errno = EAGAIN;
  return n > 0;
}

bool line_writer::write_some(std::string_view& bytes) {
  auto whole = is_regular(fd_);
  if (!whole && !wait_for_room())
    return false;
  auto piece = whole ? bytes : next_piece(bytes);
  auto n = ::write(fd_, piece.data(), piece.size());
  if (n < 0)
    return errno == EINTR || (errno == EAGAIN && wait_for_room());
  bytes.remove_prefix(static_cast<size_t>(n));
  return true;
}

size_t line_writer::write(std::string_view lines) {
  error_ = 0;
  std::string_view before{rest_};
  while (!before.empty() && write_some(before)) {
  }
  rest_.erase(0, rest_.size() - before.size());
  auto left = lines;
  if (rest_.empty())
    while (!left.empty() && write_some(left)) {
    }
  if (rest_.empty() && left.empty())
    return 0;
  error_ = errno;
  // A line that was begun is kept for the next time; what follows it is lost.
  auto written = lines.size() - left.size();
  if (written > 0 && lines[written - 1] != '\n') {
    auto end = left.find('\n') + 1;
    rest_.assign(left.substr(0, end));
    left.remove_prefix(end);
  }
  return static_cast<size_t>(std::count(left.begin(), left.end(), '\n'));
}

} // namespace proxy
