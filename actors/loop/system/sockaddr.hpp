#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>

#include "protocols/ip_address.hpp"

namespace proxy {

/// An IP socket address in the kernel's form.
struct ip_sockaddr {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  [[nodiscard]] int family() const noexcept { return storage.ss_family; }
  [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&storage);
  }

  /// The address; `nullopt` for other families (unix sockets).
  [[nodiscard]] std::optional<ip_address> ip() const noexcept {
    if (family() == AF_INET)
      return ip_address::v4(ntohl(reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr.s_addr));
    if (family() != AF_INET6)
      return std::nullopt;
    std::array<uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr,
                bytes.size());
    return ip_address::v6(bytes);
  }
  [[nodiscard]] uint16_t port() const noexcept {
    return ntohs(family() == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                                      : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  }
};

[[nodiscard]] inline ip_sockaddr make_sockaddr(const ip_address& address, uint16_t port) noexcept {
  ip_sockaddr out;
  if (address.is_v4()) {
    auto* in = reinterpret_cast<sockaddr_in*>(&out.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    in->sin_addr.s_addr = htonl(address.low32());
    out.size = sizeof(sockaddr_in);
  } else {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    std::memcpy(&in6->sin6_addr, address.bytes().data(), address.bytes().size());
    out.size = sizeof(sockaddr_in6);
  }
  return out;
}

} // namespace proxy
