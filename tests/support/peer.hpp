#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

/// The other ends of commands and of whole proxies, on the sockets of the system. All of this
/// blocks, and nothing for longer than `peer_patience`.

namespace proxy::test {

inline constexpr int peer_patience = 60; ///< Seconds.

/// One that commands do not inherit.
inline int stream_socket(int family) {
  auto fd = ::socket(family, SOCK_STREAM, 0);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

/// One end of a connection.
class peer {
public:
  explicit peer(int descriptor = -1) noexcept : fd_(descriptor) {
    timeval limit{peer_patience, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  ~peer() { close(); }
  peer(peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  peer& operator=(peer&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  explicit operator bool() const noexcept { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0)
      ::close(std::exchange(fd_, -1));
  }

  /// @returns whether all of it went.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      auto n = ::send(fd_, bytes.data(), bytes.size(), 0);
      if (n <= 0)
        return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  /// Leaves so that the other side knows: it is not only that nothing more is said.
  void reset() {
    linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  /// Ends what another thread waits for here.
  void interrupt() const { ::shutdown(fd_, SHUT_RDWR); }
  /// Says that nothing more comes.
  void finish() const { ::shutdown(fd_, SHUT_WR); }

  /// Reads up to these words, and no further. @returns what came, also when they did not.
  [[nodiscard]] std::string read_until(std::string_view words) const {
    std::string out;
    for (char c; !out.ends_with(words) && ::recv(fd_, &c, 1, 0) == 1;)
      out += c;
    return out;
  }
  /// Reads so many bytes. @returns what came, also when it is less.
  [[nodiscard]] std::string read(size_t count) const {
    std::string out(count, '\0');
    size_t size = 0;
    for (ssize_t n = 1; size < count && n > 0; size += static_cast<size_t>(std::max<ssize_t>(n, 0)))
      n = ::recv(fd_, out.data() + size, count - size, 0);
    out.resize(size);
    return out;
  }
  /// Reads all that comes up to the end (a reset is one too). Where that does not come in time, it
  /// says so behind what has come.
  [[nodiscard]] std::string rest() const {
    std::string out;
    std::array<char, 65536> chunk;
    ssize_t n = 0;
    while ((n = ::recv(fd_, chunk.data(), chunk.size(), 0)) > 0)
      out.append(chunk.data(), static_cast<size_t>(n));
    return n < 0 && errno != ECONNRESET ? out + "<no end>" : out;
  }

private:
  int fd_;
};

/// Somebody to connect to: at a free port of 127.0.0.1, or at a unix socket.
class listening {
public:
  /// @param waiting  How many may wait to be accepted; 0: none, and who names the port may listen.
  explicit listening(int waiting = 16) : fd_(stream_socket(AF_INET)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    const int shared = waiting == 0;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &shared, sizeof shared);
    ::bind(fd_, reinterpret_cast<const sockaddr*>(&name), size);
    if (waiting > 0)
      ::listen(fd_, waiting);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &size);
    port_ = ntohs(name.sin_port);
  }
  explicit listening(const std::string& path) : fd_(stream_socket(AF_UNIX)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::copy_n(path.data(), std::min(path.size(), sizeof name.sun_path - 1), name.sun_path);
    ::bind(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name);
    ::listen(fd_, 16);
  }
  ~listening() { ::close(fd_); }
  listening(const listening&) = delete;
  listening& operator=(const listening&) = delete;

  [[nodiscard]] uint16_t port() const noexcept { return port_; }
  /// `127.0.0.1:PORT`
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  /// Waits for somebody. @returns nobody when it takes too long.
  [[nodiscard]] peer accept() const {
    pollfd waits{fd_, POLLIN, 0};
    return ::poll(&waits, 1, peer_patience * 1000) == 1 ? peer{::accept(fd_, nullptr, nullptr)}
                                                        : peer{};
  }

private:
  int fd_;
  uint16_t port_ = 0;
};

/// A port of 127.0.0.1 where nobody listens. It is kept, so that nobody else is given it; on Linux,
/// who names it can listen there.
inline uint16_t closed_port() {
  static const listening kept{0};
  return kept.port();
}

/// Connects to `127.0.0.1:PORT`. @returns nobody when nobody listens.
inline peer connect_to(std::string_view address) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  name.sin_port =
    htons(static_cast<uint16_t>(std::stoul(std::string{address.substr(address.rfind(':') + 1)})));
  auto fd = stream_socket(AF_INET);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0)
    return peer{fd};
  ::close(fd);
  return peer{};
}

} // namespace proxy::test
