#include "actors/loop/socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "actors/loop/platform.hpp"

namespace proxy {

namespace {

#if defined(MSG_NOSIGNAL) && !defined(PROXY_PORTABLE)
constexpr int send_flags = MSG_NOSIGNAL;
#else // `platform::open_socket` sees to it
constexpr int send_flags = 0;
#endif

} // namespace

bool socket::open(event_loop& on, int descriptor, ready_handler* wakes) {
  close();
  fd = descriptor;
  ready = 0;
  loop_ = &on;
  waker_ = wakes;
  if (on.watch(*this))
    return true;
  ::close(std::exchange(fd, -1));
  return false;
}

void socket::close() noexcept {
  if (fd < 0)
    return;
  loop_->forget(*this);
  ::close(std::exchange(fd, -1));
  ready = 0;
}

void socket::abort() noexcept {
  if (fd < 0)
    return;
  linger hard{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close();
}

io_result socket::finish_read(ssize_t n, size_t asked, bool short_means_empty) noexcept {
  if (n > 0) {
    if (short_means_empty && static_cast<size_t>(n) < asked)
      met_read_block();
    return {io_result::status::ok, 0, static_cast<size_t>(n)};
  }
  if (n == 0)
    return {io_result::status::end, 0, 0};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    if (errno != EINTR)
      ready &= static_cast<uint8_t>(~io_in);
    return {io_result::status::would_block, 0, 0};
  }
  return {io_result::status::failed, errno, 0};
}

io_result socket::finish_write(ssize_t n, size_t asked) noexcept {
  if (n >= 0) {
    if (static_cast<size_t>(n) < asked)
      ready &= static_cast<uint8_t>(~io_out);
    return {io_result::status::ok, 0, static_cast<size_t>(n)};
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    if (errno != EINTR)
      ready &= static_cast<uint8_t>(~io_out);
    return {io_result::status::would_block, 0, 0};
  }
  return {io_result::status::failed, errno, 0};
}

io_result socket::read(std::span<char> into) noexcept {
  return finish_read(::recv(fd, into.data(), into.size(), 0), into.size(), true);
}

io_result socket::write(std::string_view bytes) noexcept {
  return finish_write(::send(fd, bytes.data(), bytes.size(), send_flags), bytes.size());
}

io_result socket::write(std::span<const iovec> parts) noexcept {
  size_t asked = 0;
  for (const auto& part : parts)
    asked += part.iov_len;
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(parts.size());
  return finish_write(::sendmsg(fd, &message, send_flags), asked);
}

io_result socket::splice_to(pipe_ends to, size_t limit) noexcept {
  // A short splice may only mean that the pipe is full: readiness stays as it is.
  return finish_read(platform::splice_in(fd, to.write, limit), limit, false);
}

io_result socket::splice_from(pipe_ends from, size_t size, bool more) noexcept {
  return finish_write(platform::splice_out(from.read, fd, size, more), size);
}

void socket::shutdown_write() noexcept { ::shutdown(fd, SHUT_WR); }

bool socket::has_input() noexcept {
  if (!may_read())
    return false;
  char byte;
  return !finish_read(::recv(fd, &byte, 1, MSG_PEEK), 1, false).blocked();
}

int socket::take_error() noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

} // namespace proxy
