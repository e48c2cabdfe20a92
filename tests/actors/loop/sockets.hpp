#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

namespace proxy::test {

/// A non-blocking descriptor that closes itself; the scripted end of a connection. (No test ends by
/// SIGPIPE: `tests/support/main.cpp`.)
struct endpoint_fd {
  explicit endpoint_fd(int descriptor = -1) : fd(descriptor) {
    if (fd >= 0)
      ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  }
  endpoint_fd(endpoint_fd&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  endpoint_fd& operator=(endpoint_fd&& other) noexcept {
    std::swap(fd, other.fd);
    return *this;
  }
  ~endpoint_fd() { close(); }

  void close() {
    if (fd >= 0)
      ::close(std::exchange(fd, -1));
  }
  /// Closes with a reset (TCP).
  void reset() {
    linger hard{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  /// Gives the descriptor away.
  [[nodiscard]] int release() { return std::exchange(fd, -1); }

  /// @returns whether all was sent.
  bool send(std::string_view bytes) const {
    return ::send(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
  }
  /// What is there now, at most 64 KiB of it.
  [[nodiscard]] std::string receive() const {
    std::string bytes(64 * 1024, '\0');
    auto n = ::recv(fd, bytes.data(), bytes.size(), 0);
    bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return bytes;
  }
  /// Sends until nothing more fits. @returns how many bytes.
  size_t fill() const {
    std::string block(64 * 1024, 'f');
    size_t sum = 0;
    for (ssize_t n; (n = ::send(fd, block.data(), block.size(), 0)) > 0;)
      sum += static_cast<size_t>(n);
    return sum;
  }
  /// Reads all that is there. @returns how many bytes.
  size_t drain() const {
    size_t sum = 0;
    for (std::string part; !(part = receive()).empty();)
      sum += part.size();
    return sum;
  }

  int fd;
};

inline std::pair<endpoint_fd, endpoint_fd> stream_pair() {
  int fds[2] = {-1, -1};
  (void)::socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
  return {endpoint_fd{fds[0]}, endpoint_fd{fds[1]}};
}

/// Listens on 127.0.0.1 at a free port.
inline endpoint_fd tcp_listener() {
  endpoint_fd listener{::socket(AF_INET, SOCK_STREAM, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)::bind(listener.fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  (void)::listen(listener.fd, 16);
  return listener;
}

inline endpoint_fd tcp_connect(const endpoint_fd& listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(listener.fd, reinterpret_cast<sockaddr*>(&address), &size);
  auto fd = ::socket(AF_INET, SOCK_STREAM, 0);
  (void)::connect(fd, reinterpret_cast<sockaddr*>(&address),
                  size); // blocking still: loopback is quick
  return endpoint_fd{fd};
}

inline endpoint_fd tcp_accept(const endpoint_fd& listener) {
  return endpoint_fd{::accept(listener.fd, nullptr, nullptr)};
}

inline std::pair<endpoint_fd, endpoint_fd> tcp_pair() {
  auto listener = tcp_listener();
  auto client = tcp_connect(listener);
  auto server = tcp_accept(listener);
  return {std::move(client), std::move(server)};
}

} // namespace proxy::test
