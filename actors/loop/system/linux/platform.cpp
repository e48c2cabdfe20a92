#include "actors/loop/system/platform.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/eventfd.h>

namespace proxy {

namespace platform {

int open_socket(int family, int type, int protocol) noexcept {
  return ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

int accept_connection(int listener, sockaddr* peer, socklen_t* size) noexcept {
  return ::accept4(listener, peer, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

wake_ends open_wake_ends() noexcept {
  auto fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return {fd, fd};
}

pipe_ends open_splice_pipe(size_t capacity) noexcept {
  int fds[2];
  if (::pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0)
    return {};
  // An unprivileged user's share of pipe memory is bounded; a smaller pipe works as well, only
  // slower.
  if (::fcntl(fds[1], F_SETPIPE_SZ, static_cast<int>(capacity)) < 0)
    ::fcntl(fds[1], F_SETPIPE_SZ, 256 * 1024);
  return {fds[0], fds[1]};
}

ssize_t splice_in(int socket, int pipe, size_t limit) noexcept {
  return ::splice(socket, nullptr, pipe, nullptr, limit, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

ssize_t splice_out(int pipe, int socket, size_t size, bool more) noexcept {
  auto flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0);
  return ::splice(pipe, nullptr, socket, nullptr, size, static_cast<unsigned>(flags));
}

void join_received_datagrams(int socket) noexcept {
  int one = 1;
  ::setsockopt(socket, IPPROTO_UDP, UDP_GRO, &one, sizeof one);
}

std::optional<ip_sockaddr> translated_address(int socket) noexcept {
  // SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST, whose headers do not go with those of the C library.
  constexpr int original_destination = 80;
  for (auto level : {IPPROTO_IP, IPPROTO_IPV6}) {
    ip_sockaddr out;
    if (::getsockopt(socket, level, original_destination, out.get(), &out.size) == 0 && out.ip())
      return out;
  }
  return std::nullopt;
}

} // namespace platform

} // namespace proxy
