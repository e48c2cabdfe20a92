#include "actors/loop/system/platform.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace proxy {

namespace platform {

namespace {

/// Without a call that does it at once, a program that another thread starts in between inherits
/// the descriptor.
int prepared(int descriptor) noexcept {
  if (descriptor < 0)
    return descriptor;
  auto flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0 ||
      ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) {
    auto error = errno;
    ::close(descriptor);
    errno = error;
    return -1;
  }
#ifdef SO_NOSIGPIPE
  int one = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one); // a pipe has no such option
#endif
  return descriptor;
}

} // namespace

int open_socket(int family, int type, int protocol) noexcept {
  return prepared(::socket(family, type, protocol));
}

int accept_connection(int listener, sockaddr* peer, socklen_t* size) noexcept {
  return prepared(::accept(listener, peer, size));
}

wake_ends open_wake_ends() noexcept {
  int fds[2];
  if (::pipe(fds) != 0)
    return {};
  wake_ends out{prepared(fds[0]), prepared(fds[1])};
  if (out.read >= 0 && out.write >= 0)
    return out;
  for (auto fd : {out.read, out.write})
    if (fd >= 0)
      ::close(fd);
  return {};
}

pipe_ends open_splice_pipe(size_t) noexcept { return {}; }

ssize_t splice_in(int, int, size_t) noexcept {
  errno = ENOSYS;
  return -1;
}

ssize_t splice_out(int, int, size_t, bool) noexcept {
  errno = ENOSYS;
  return -1;
}

void join_received_datagrams(int) noexcept {}

std::optional<ip_sockaddr> translated_address(int) noexcept { return std::nullopt; }

std::unique_ptr<call_executor> make_ring() {
  errno = ENOSYS;
  return nullptr;
}

} // namespace platform

} // namespace proxy
