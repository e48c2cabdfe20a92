#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "actors/loop/system/machine.hpp"

namespace proxy::test {

/// The network that sockets of a test are on: the system's, where what is sent is there at once, or
/// one that is made up.
struct ground {
  proxy::network* network = &this_machine().network;
  std::function<void()> arrive{}; ///< Made up: lets arrive what is under way.

  [[nodiscard]] bool is_made_up() const { return arrive != nullptr; }
  void settle() const {
    if (arrive)
      arrive();
  }
};

/// A non-blocking descriptor that closes itself; the scripted end of a connection. (No test ends by
/// SIGPIPE: `tests/support/main.cpp`.)
struct endpoint_fd {
  explicit endpoint_fd(int descriptor = -1, ground where = {})
    : fd(descriptor), on(std::move(where)) {
    if (fd >= 0 && !on.is_made_up())
      ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  }
  endpoint_fd(endpoint_fd&& other) noexcept : fd(std::exchange(other.fd, -1)), on(other.on) {}
  endpoint_fd& operator=(endpoint_fd&& other) noexcept {
    std::swap(fd, other.fd);
    std::swap(on, other.on);
    return *this;
  }
  ~endpoint_fd() { close(); }

  void close() {
    if (fd < 0)
      return;
    on.network->close(std::exchange(fd, -1));
    on.settle();
  }
  /// Closes with a reset (TCP).
  void reset() {
    if (fd < 0)
      return;
    on.network->reset(std::exchange(fd, -1));
    on.settle();
  }
  /// Sends the end of stream.
  void finish() const {
    on.network->shutdown_write(fd);
    on.settle();
  }
  /// Gives the descriptor away.
  [[nodiscard]] int release() { return std::exchange(fd, -1); }

  /// @returns whether all was sent.
  bool send(std::string_view bytes) const {
    auto n = on.network->write(fd, bytes, false);
    on.settle();
    return n == static_cast<ssize_t>(bytes.size());
  }
  /// What is there now, at most 64 KiB of it.
  [[nodiscard]] std::string receive() const {
    on.settle();
    std::string bytes(64 * 1024, '\0');
    auto n = on.network->read(fd, bytes);
    bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return bytes;
  }
  /// Reads one byte. @returns 1; 0 at the end; the errno as a negative number.
  [[nodiscard]] int read_byte() const {
    char byte;
    return read_byte(byte);
  }
  [[nodiscard]] int read_byte(char& byte) const {
    on.settle();
    auto n = on.network->read(fd, {&byte, 1});
    return n < 0 ? -errno : static_cast<int>(n);
  }
  /// Sends until nothing more fits. @returns how many bytes.
  size_t fill() const {
    std::string block(64 * 1024, 'f');
    size_t sum = 0;
    for (ssize_t n; (n = on.network->write(fd, block, false)) > 0;)
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
  ground on;
};

/// Listens on 127.0.0.1 at a free port.
inline endpoint_fd tcp_listener(const ground& on = {}) {
  endpoint_fd listener{on.network->open(socket_kind::listener, AF_INET), on};
  auto name = make_sockaddr(ip_address::v4(INADDR_LOOPBACK), 0);
  (void)on.network->bind(listener.fd, name.get(), name.size);
  (void)on.network->listen(listener.fd);
  return listener;
}

inline endpoint_fd tcp_connect(const endpoint_fd& listener) {
  const auto& on = listener.on;
  auto name = on.network->local_address(listener.fd);
  // The system's blocks still: loopback is quick.
  auto fd = on.is_made_up() ? on.network->open(socket_kind::stream, AF_INET)
                            : ::socket(AF_INET, SOCK_STREAM, 0);
  (void)on.network->connect(fd, name.get(), name.size);
  on.settle();
  return endpoint_fd{fd, on};
}

inline endpoint_fd tcp_accept(const endpoint_fd& listener) {
  ip_sockaddr peer;
  return endpoint_fd{listener.on.network->accept(listener.fd, peer), listener.on};
}

inline std::pair<endpoint_fd, endpoint_fd> tcp_pair(const ground& on = {}) {
  auto listener = tcp_listener(on);
  auto client = tcp_connect(listener);
  auto server = tcp_accept(listener);
  return {std::move(client), std::move(server)};
}

/// Two ends of a stream of whatever kind.
inline std::pair<endpoint_fd, endpoint_fd> stream_pair(const ground& on = {}) {
  if (on.is_made_up())
    return tcp_pair(on);
  int fds[2] = {-1, -1};
  (void)::socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
  return {endpoint_fd{fds[0]}, endpoint_fd{fds[1]}};
}

} // namespace proxy::test
