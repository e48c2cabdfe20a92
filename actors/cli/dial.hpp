#pragma once

#include <caf/expected.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/home.hpp"
#include "config/proxy_config.hpp"
#include "protocols/error.hpp"

/// Connections of a command to a proxy or to its admin API. All of this blocks, with a deadline.

namespace proxy::cli {

/// Closes a descriptor at the end.
class owned_socket {
public:
  explicit owned_socket(int descriptor = -1) noexcept : descriptor_(descriptor) {}
  ~owned_socket();
  owned_socket(owned_socket&& other) noexcept;
  owned_socket& operator=(owned_socket&& other) noexcept;

  [[nodiscard]] int get() const noexcept { return descriptor_; }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }

private:
  int descriptor_;
};

/// A proxy as a URL names it.
struct proxy_url {
  bool socks = false; ///< SOCKS5 with names resolved there; else HTTP.
  std::string host;
  uint16_t port = 0;
  std::string user, password; ///< Percent-decoded; "" for none.
  friend bool operator==(const proxy_url&, const proxy_url&) = default;
};

/// Parses `[http://|socks5://|socks5h://|socks://][user[:password]@]host[:port]`. The port is 80 or
/// 1080 when none is named. @returns nothing for what is no such URL.
[[nodiscard]] std::optional<proxy_url> parse_proxy_url(std::string_view text);

/// The variable that names the proxy of all traffic, in this order: ALL_PROXY, all_proxy,
/// HTTPS_PROXY, https_proxy. "" when none is set.
[[nodiscard]] std::string proxy_variable(const config::environment& env);

inline constexpr std::chrono::seconds dial_deadline{30};
/// For the answer of a proxy, which dials before it answers.
inline constexpr std::chrono::minutes answer_deadline{5};

/// @returns an error with words for people.
[[nodiscard]] caf::expected<owned_socket> dial(const std::string& host, uint16_t port);
[[nodiscard]] caf::expected<owned_socket> dial_unix(const std::string& path);
/// Where a daemon listens: a wildcard is reached by loopback.
[[nodiscard]] caf::expected<owned_socket> dial(const config::listen_address& listener);

/// A way through a proxy.
struct tunnel {
  owned_socket socket;
  std::string first; ///< What the target has said already.
};

/// Dials the proxy and asks it for a target.
/// @param host  A name or an address literal, without brackets.
/// @returns an error with words for people: what the proxy said, where it said something.
[[nodiscard]] caf::expected<tunnel> open_tunnel(const proxy_url& through, const std::string& host,
                                                uint16_t port);

/// Sends all of it. @returns whether it went.
[[nodiscard]] bool send_all(int socket, std::string_view what) noexcept;

/// One request of HTTP/1.1 whose answer ends with the connection.
struct http_answer {
  int status = 0;
  std::string body;
};

/// Asks a daemon's admin API.
/// @param token  "" for none.
/// @returns an error with words for people.
[[nodiscard]] caf::expected<http_answer>
ask_admin(const config::listen_address& at, const std::string& token, const std::string& target);

} // namespace proxy::cli
