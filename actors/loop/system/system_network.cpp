#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "actors/loop/system/platform.hpp"
#include "actors/loop/system/system_network.hpp"

namespace proxy {

namespace {

#if defined(MSG_NOSIGNAL) && !defined(PROXY_PORTABLE)
constexpr int send_flags = MSG_NOSIGNAL;
#else // `platform::open_socket` sees to it
constexpr int send_flags = 0;
#endif
#if defined(MSG_MORE) && !defined(PROXY_PORTABLE)
constexpr int more_follows = MSG_MORE;
#else
constexpr int more_follows = 0;
#endif
#ifdef TCP_KEEPIDLE
constexpr int idle_option = TCP_KEEPIDLE;
#else
constexpr int idle_option = TCP_KEEPALIVE; // its name elsewhere
#endif

/// Silence before the first probe, in seconds. Address translators forget after some minutes.
constexpr int idle_before_probe = 60;

/// Receive buffer of a socket for many: a burst must survive until the loop comes round.
constexpr int row_buffer = 512 * 1024;

constexpr int backlog = 4096;

void set(int fd, int level, int option, int value) noexcept {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

void set_keep_alive(int fd) noexcept {
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, idle_option, idle_before_probe);
}

/// By the calls of POSIX, and what `platform` has beside them.
class kernel_sockets final : public network {
public:
  std::unique_ptr<poller> make_poller() override { return proxy::make_poller(); }

  std::unique_ptr<call_executor> make_executor() override { return platform::make_ring(); }

  int open(socket_kind kind, int family) noexcept override {
    auto datagrams = kind == socket_kind::datagram || kind == socket_kind::datagram_rows;
    auto fd = platform::open_socket(family, datagrams ? SOCK_DGRAM : SOCK_STREAM);
    if (fd < 0 || family == AF_UNIX)
      return fd;
    switch (kind) {
      case socket_kind::listener:
        set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        // Accepted sockets inherit what is set, which saves the calls for each.
        set_keep_alive(fd);
        send_at_once(fd);
        break;
      case socket_kind::datagram_rows:
        set(fd, SOL_SOCKET, SO_RCVBUF, row_buffer);
        platform::join_received_datagrams(fd);
        break;
      case socket_kind::stream:
      case socket_kind::datagram: break;
    }
    if (family == AF_INET6 && kind != socket_kind::stream)
      set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    return fd;
  }

  int open_spare() noexcept override { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

  void close(int fd) noexcept override { ::close(fd); }

  void reset(int fd) noexcept override {
    linger hard{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    ::close(fd);
  }

  int connect(int fd, const sockaddr* to, socklen_t size) noexcept override {
    return ::connect(fd, to, size);
  }

  int take_error(int fd) noexcept override {
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
  }

  int bind(int fd, const sockaddr* at, socklen_t size) noexcept override {
    return ::bind(fd, at, size);
  }

  void share_port(int fd, bool share) noexcept override {
    set(fd, SOL_SOCKET, SO_REUSEPORT, share ? 1 : 0);
  }

  int listen(int fd) noexcept override { return ::listen(fd, backlog); }

  int accept(int listener, ip_sockaddr& peer) noexcept override {
    return platform::accept_connection(listener, peer.get(), &peer.size);
  }

  void send_at_once(int fd) noexcept override { set(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

  void keep_alive(int fd) noexcept override { set_keep_alive(fd); }

  ip_sockaddr local_address(int fd) const noexcept override {
    ip_sockaddr out;
    (void)::getsockname(fd, out.get(), &out.size);
    return out;
  }

  ip_sockaddr peer_address(int fd) const noexcept override {
    ip_sockaddr out;
    if (::getpeername(fd, out.get(), &out.size) != 0)
      out.size = 0;
    return out;
  }

  std::optional<ip_sockaddr> translated_address(int fd) const noexcept override {
    return platform::translated_address(fd);
  }

  bool has_way_to(const ip_sockaddr& to) noexcept override {
    auto fd = platform::open_socket(to.family(), SOCK_DGRAM);
    auto out = fd >= 0 && ::connect(fd, to.get(), to.size) == 0;
    if (fd >= 0)
      ::close(fd);
    return out;
  }

  ssize_t read(int fd, std::span<char> into) noexcept override {
    return ::recv(fd, into.data(), into.size(), 0);
  }

  ssize_t peek(int fd, std::span<char> into) noexcept override {
    return ::recv(fd, into.data(), into.size(), MSG_PEEK);
  }

  ssize_t write(int fd, std::string_view bytes, bool more) noexcept override {
    return ::send(fd, bytes.data(), bytes.size(), send_flags | (more ? more_follows : 0));
  }

  ssize_t write(int fd, std::span<const iovec> parts) noexcept override {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(parts.size());
    return ::sendmsg(fd, &message, send_flags);
  }

  void shutdown_write(int fd) noexcept override { ::shutdown(fd, SHUT_WR); }

  pipe_ends open_pipe(size_t capacity) noexcept override {
    return platform::open_splice_pipe(capacity);
  }

  ssize_t splice_in(int fd, int pipe, size_t limit) noexcept override {
    return platform::splice_in(fd, pipe, limit);
  }

  ssize_t splice_out(int pipe, int fd, size_t size, bool more) noexcept override {
    return platform::splice_out(pipe, fd, size, more);
  }

  ssize_t receive(int fd, datagram_buffer& into) noexcept override {
    return platform::receive_rows(fd, into);
  }

  ssize_t send(int fd, std::span<const datagram_row> rows) noexcept override {
    return platform::send_rows(fd, rows);
  }

  ssize_t receive_from(int fd, std::span<char> into, ip_sockaddr* from) noexcept override {
    return ::recvfrom(fd, into.data(), into.size(), 0, from ? from->get() : nullptr,
                      from ? &from->size : nullptr);
  }

  uint8_t readiness(int fd) noexcept override {
    pollfd now{fd, POLLIN | POLLOUT, 0};
    if (::poll(&now, 1, 0) <= 0)
      return 0;
    return static_cast<uint8_t>(((now.revents & ~POLLOUT) != 0 ? io_in : 0) |
                                ((now.revents & POLLOUT) != 0 ? io_out : 0));
  }
};

} // namespace

network& system_network() noexcept {
  static kernel_sockets here;
  return here;
}

} // namespace proxy
