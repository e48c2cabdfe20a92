#pragma once

#include <cerrno>
#include <string>
#include <utility>

#include "actors/loop/simulation/node.hpp"

namespace proxy::simulate {

/// An end of a connection that a script holds: what is to be said waits until it can be, what is
/// heard is kept until it is taken.
class wire_end {
public:
  explicit wire_end(simulation::node& on, int fd = -1) : node_(on), fd_(fd) {}
  wire_end(wire_end&& other) noexcept
    : node_(other.node_), fd_(std::exchange(other.fd_, -1)), in(std::move(other.in)),
      out(std::move(other.out)), ended(other.ended), broken(other.broken) {}
  wire_end& operator=(wire_end&&) = delete;
  ~wire_end() { close(); }

  void connect(const ip_address& to, uint16_t port) {
    fd_ = node_.open(socket_kind::stream, to.is_v4() ? AF_INET : AF_INET6);
    auto name = make_sockaddr(to, port);
    if (node_.connect(fd_, name.get(), name.size) != 0 && errno != EINPROGRESS)
      broken = true;
  }
  void close() {
    if (fd_ >= 0)
      node_.close(std::exchange(fd_, -1));
  }
  void reset() {
    if (fd_ >= 0)
      node_.reset(std::exchange(fd_, -1));
  }
  /// The end of what is said, once all is said.
  void finish() { finishing_ = true; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] bool is_over() const { return ended || broken; }

  /// Moves what can be moved. @param most  Unread bytes that it keeps at most.
  void move(size_t most = 1 << 20) {
    if (fd_ < 0 || broken)
      return;
    while (!out.empty()) {
      auto n = node_.write(fd_, out, false);
      if (n < 0 && errno != EAGAIN)
        broken = true;
      if (n <= 0)
        break;
      out.erase(0, static_cast<size_t>(n));
    }
    if (out.empty() && finishing_ && !std::exchange(finished_, true))
      node_.shutdown_write(fd_);
    char block[8192];
    while (!ended && in.size() < most) {
      auto n = node_.read(fd_, block);
      if (n < 0 && errno != EAGAIN)
        broken = true;
      ended = n == 0;
      if (n <= 0)
        break;
      in.append(block, static_cast<size_t>(n));
    }
  }

private:
  simulation::node& node_;
  int fd_;
  bool finishing_ = false, finished_ = false;

public:
  std::string in, out;
  bool ended = false;  ///< The other end has said its last byte.
  bool broken = false; ///< Reset, or never connected.
};

} // namespace proxy::simulate
