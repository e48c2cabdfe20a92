#pragma once

#include <string>
#include <string_view>

#include "actors/loop/simulation/world.hpp"
#include "actors/net/socket.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

/// Far from everybody, and from each other.
inline ip_address ip(std::string_view text) { return *ip_address::parse(text); }

/// A scripted end of a connection in a made-up world: says what the test says, and keeps what it
/// hears.
class peer {
public:
  explicit peer(simulation::node& on) : node_(on) {}
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;
  ~peer() { close(); }

  /// @returns 0, or the errno that connecting ends with at once.
  int connect(const ip_address& to, uint16_t port) {
    fd_ = node_.open(socket_kind::stream, to.is_v4() ? AF_INET : AF_INET6);
    auto name = make_sockaddr(to, port);
    return node_.connect(fd_, name.get(), name.size) == 0 || errno == EINPROGRESS ? 0 : errno;
  }
  /// Takes a connection that waits. @returns false when none does.
  bool accept(int listener) {
    ip_sockaddr from;
    fd_ = node_.accept(listener, from);
    return fd_ >= 0;
  }
  void close() {
    if (fd_ >= 0)
      node_.close(std::exchange(fd_, -1));
  }
  void reset() { node_.reset(std::exchange(fd_, -1)); }
  void finish() { node_.shutdown_write(fd_); }

  /// @returns how much was taken; 0 and the reason in `error` when nothing was.
  size_t say(std::string_view bytes) {
    auto n = node_.write(fd_, bytes, false);
    error = n < 0 ? errno : 0;
    return n < 0 ? 0 : static_cast<size_t>(n);
  }
  /// All that has come so far.
  const std::string& heard() {
    char block[4096];
    for (;;) {
      auto n = node_.read(fd_, block);
      if (n > 0)
        text.append(block, static_cast<size_t>(n));
      else if (n == 0)
        ended = true;
      else if (errno != EAGAIN)
        error = errno;
      if (n <= 0)
        return text;
    }
  }
  bool hears(std::string_view what) { return heard().find(what) != std::string::npos; }
  bool is_connected() const {
    return (node_.readiness(fd_) & io_out) != 0 && node_.peer_address(fd_).ip();
  }
  [[nodiscard]] int descriptor() const { return fd_; }

  std::string text;
  bool ended = false;
  int error = 0;

private:
  simulation::node& node_;
  int fd_ = -1;
};

/// @returns a descriptor that listens at an address of a node.
inline int listen_at(simulation::node& on, const ip_address& where, uint16_t port) {
  auto fd = on.open(socket_kind::listener, where.is_v4() ? AF_INET : AF_INET6);
  auto name = make_sockaddr(where, port);
  CAF_REQUIRE_EQUAL(on.bind(fd, name.get(), name.size), 0);
  CAF_REQUIRE_EQUAL(on.listen(fd), 0);
  return fd;
}

} // namespace proxy::test
