#pragma once

#include <cstdint>
#include <string>

#include "protocols/ip_address.hpp"

namespace proxy {

/// Where a client is connected from.
struct client_address {
  ip_address ip;
  uint16_t port = 0;
  bool unix_socket = false;
  /// `ip:port`, `[ip6]:port`, or "unix".
  [[nodiscard]] std::string str() const;
};

} // namespace proxy
