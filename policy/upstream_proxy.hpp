#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/rules.hpp"
#include "protocols/host.hpp"
#include "protocols/ip_address.hpp"

namespace proxy::policy {

/// A proxy that this one goes through.
struct upstream_proxy {
  bool tls = false; ///< https://: TLS to the proxy itself.
  proxy::host host;
  uint16_t port = 80;
  std::string
    credentials; ///< `user:password`, percent-decoded; "" when there are none. Never logged.
  friend bool operator==(const upstream_proxy&, const upstream_proxy&) = default;
};

/// What the environment says of proxies, in the order of preference: HTTPS_PROXY before
/// https_proxy.
struct proxy_environment {
  struct variable {
    std::string name;
    std::string value;
  };
  std::vector<variable> https{};
  std::vector<variable> http{};
  std::vector<variable> all{};
  std::string no_proxy{};
  /// REQUEST_METHOD is set: a client's `Proxy:` header may have become HTTP_PROXY, which is not to
  /// be trusted.
  bool cgi = false;
};

/// NO_PROXY as Go reads it: comma-separated `*`, names (and what lies below), `.name` and `*.name`
/// (only what lies below), addresses and prefixes, each but `*` and prefixes with an optional port.
/// Trailing dots are ignored; what cannot be read matches nothing. localhost and loopback addresses
/// always match.
class no_proxy {
public:
  no_proxy() = default;
  explicit no_proxy(std::string_view text);

  /// Whether a target is reached without a proxy.
  [[nodiscard]] bool matches(const host& h, uint16_t port) const noexcept;

private:
  struct entry {
    std::string name; ///< Without a leading dot; "" for addresses.
    bool below_only = false;
    std::optional<ip_network> network; ///< An address is a prefix of full length.
    uint16_t port = 0;                 ///< 0: every port.
  };
  void add(std::string_view text);

  std::vector<entry> entries_;
  bool everything_ = false;
};

/// Chooses the upstream proxy of a target. Immutable; read at start and at reload.
class upstream_proxies {
public:
  upstream_proxies() = default; ///< Everything is reached directly.

  /// Takes the first usable value of each group: blank ones are skipped; schemes other than http
  /// and https, values that cannot be read and those that name one of our own listeners are skipped
  /// with a warning.
  /// @param warnings  Lines to log are appended; they name the variable, never its value's
  /// credentials.
  upstream_proxies(const proxy_environment& env, const rules& in_force,
                   std::vector<std::string>& warnings);

  /// The proxy for a target; nullptr when it is reached directly.
  /// @param tls  For CONNECT (and what is inside), SOCKS and https targets: HTTPS_PROXY, else
  /// ALL_PROXY; for plain ones HTTP_PROXY,
  ///             else ALL_PROXY. As in Go, HTTP_PROXY never stands in for HTTPS_PROXY.
  [[nodiscard]] const upstream_proxy* choose(bool tls, const host& h, uint16_t port) const noexcept;
  /// The same for what a client asks for. Datagrams go through no HTTP proxy.
  [[nodiscard]] const upstream_proxy* choose(const target& what) const noexcept;

private:
  std::optional<upstream_proxy> https_;
  std::optional<upstream_proxy> http_;
  no_proxy direct_;
};

} // namespace proxy::policy
