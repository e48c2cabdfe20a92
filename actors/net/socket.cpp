#include "actors/net/socket.hpp"

#include <cerrno>
#include <utility>

namespace proxy {

bool socket::open(event_loop& on, int descriptor, ready_handler* wakes) {
  close();
  fd = descriptor;
  ready = 0;
  loop_ = &on;
  waker_ = wakes;
  kept_alive_ = false;
  if (on.watch(*this))
    return true;
  on.network().close(std::exchange(fd, -1));
  return false;
}

void socket::close() noexcept {
  if (fd < 0)
    return;
  loop_->forget(*this);
  loop_->network().close(std::exchange(fd, -1));
  ready = 0;
}

void socket::abort() noexcept {
  if (fd < 0)
    return;
  loop_->forget(*this);
  loop_->network().reset(std::exchange(fd, -1));
  ready = 0;
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
  return finish_read(loop_->network().read(fd, into), into.size(), true);
}

io_result socket::write(std::string_view bytes) noexcept {
  return finish_write(loop_->network().write(fd, bytes, false), bytes.size());
}

io_result socket::write(std::span<const iovec> parts) noexcept {
  size_t asked = 0;
  for (const auto& part : parts)
    asked += part.iov_len;
  return finish_write(loop_->network().write(fd, parts), asked);
}

io_result socket::splice_to(pipe_ends to, size_t limit) noexcept {
  // A short splice may only mean that the pipe is full: readiness stays as it is.
  return finish_read(loop_->network().splice_in(fd, to.write, limit), limit, false);
}

io_result socket::splice_from(pipe_ends from, size_t size, bool more) noexcept {
  return finish_write(loop_->network().splice_out(from.read, fd, size, more), size);
}

void socket::shutdown_write() noexcept { loop_->network().shutdown_write(fd); }

bool socket::has_input() noexcept {
  if (!may_read())
    return false;
  char byte;
  return !finish_read(loop_->network().peek(fd, {&byte, 1}), 1, false).blocked();
}

} // namespace proxy
