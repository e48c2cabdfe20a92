#pragma once

#include <caf/expected.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/proxy_config.hpp"
#include "protocols/error.hpp"

namespace proxy::config {

/// Parses where to listen: `http://host:port`, `host:port`, `host`, `[ip6]:port` or a bare IPv6
/// literal. The host is an IP literal or `localhost`, which is 127.0.0.1. An explicit port is
/// honoured, also `:80` and `:0`.
/// @param default_port  Taken when the text names none.
/// @param unix_socket   Whether `unix:///path` is accepted too.
/// @returns errc::invalid_config with the reason.
[[nodiscard]] caf::expected<listen_address>
parse_listen_address(std::string_view text, uint16_t default_port, bool unix_socket = false);

/// "127.0.0.1:3128", "[::1]:3128" or "unix:///path".
[[nodiscard]] std::string to_string(const listen_address& address);

/// As the configuration writes it: "http://127.0.0.1:3128" or "unix:///path".
[[nodiscard]] std::string url_of(const listen_address& address);

/// A listener that was moved to loopback, or that listens beyond it.
struct clamp_notice {
  std::string_view key; ///< "proxy_url", "socks_url" or "admin_url".
  std::string message;
};

/// Moves listeners that other machines could reach to 127.0.0.1, port kept, unless the
/// `dangerously_*` keys allow them; with unix sockets allowed, all of them whatever those keys say.
/// Idempotent.
[[nodiscard]] std::vector<clamp_notice> clamp_listeners(proxy_config& config);

} // namespace proxy::config
