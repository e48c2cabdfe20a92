#pragma once

#include <caf/expected.hpp>
#include <memory>
#include <string>

#include "actors/loop/system/machine.hpp"
#include "actors/messages.hpp"
#include "actors/net/own_socket_file.hpp"
#include "config/proxy_config.hpp"

namespace proxy {

/// A bound and listening socket. Shared by all shards; the last one that lets go closes it, and
/// removes the file of a unix socket.
struct bound_listener {
  endpoint serves = endpoint::http;
  config::listen_address wanted; ///< As configured: port 0 stays 0.
  int fd = -1;
  ip_address ip;
  uint16_t port = 0;      ///< As bound.
  std::string path;       ///< Unix socket; then `ip` and `port` mean nothing.
  own_socket_file listed; ///< Of `path`: we are nobody's upstream.
  /// Whose socket this is as well: that one closes it, once nobody needs it any more.
  std::shared_ptr<const bound_listener> taken_from;

  explicit bound_listener(network& on) noexcept : network_(on) {}
  bound_listener(const bound_listener&) = delete;
  bound_listener& operator=(const bound_listener&) = delete;
  ~bound_listener();

  /// `ip:port`, `[ip6]:port`, or `unix:PATH`.
  [[nodiscard]] std::string address() const;
  /// The network that it listens on.
  [[nodiscard]] network& on() const noexcept { return network_; }

private:
  network& network_;
};

/// Whether an address may be bound that sockets of ours overlap, which have to say so too.
enum class port_sharing : uint8_t { none, with_our_own };

/// Binds and listens. A unix socket file left by a dead process is replaced; one that answers is in
/// use.
/// @returns errc::system with address and errno text.
[[nodiscard]] caf::expected<bound_listener_ptr>
bind_listener(endpoint serves, const config::listen_address& wanted,
              network& on = this_machine().network, port_sharing sharing = port_sharing::none);

} // namespace proxy
