#pragma once

#include <memory>

#include "actors/loop/poller.hpp"

namespace proxy {

/// The kernel's news of addresses that come to this machine's interfaces, or go. For a poller: the
/// descriptor is readable when there is some.
class address_events {
public:
  /// @returns nullptr where there are none to be had: other systems than Linux, and sandboxes that
  ///          allow no netlink.
  [[nodiscard]] static std::unique_ptr<address_events> open();

  address_events(const address_events&) = delete;
  address_events& operator=(const address_events&) = delete;
  ~address_events();

  [[nodiscard]] int descriptor() const noexcept;

  enum class news : uint8_t { none, some, broken };
  /// Takes all that is there. What the kernel had no room for counts as news.
  [[nodiscard]] news take();

private:
  explicit address_events(void* socket) : socket_(socket) {}
  void* socket_; ///< A `mnl_socket`.
};

} // namespace proxy
