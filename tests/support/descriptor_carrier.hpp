#pragma once

#include <sys/socket.h>

#include "tls/carrier.hpp"

namespace proxy::test {

/// Carries TLS over a socket that the test opened.
class descriptor_carrier final : public tls::carrier {
public:
  /// @param fd  Looked at with each call: the test may close it.
  explicit descriptor_carrier(const int& fd) noexcept : fd_(fd) {}
  ssize_t receive(char* into, size_t room) noexcept override { return ::recv(fd_, into, room, 0); }
  ssize_t send(const char* bytes, size_t count, bool) noexcept override {
    return ::send(fd_, bytes, count, 0);
  }

private:
  const int& fd_;
};

} // namespace proxy::test
