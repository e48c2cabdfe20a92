#pragma once

#include <string>

#include "policy/upstream_proxy.hpp"

namespace proxy {

/// How an upstream proxy is named in keys and messages: without its credentials.
struct upstream_proxy_name {
  explicit upstream_proxy_name(const policy::upstream_proxy& p)
    : text((p.tls ? "https://" : "http://") + p.host.in_url() + ':' + std::to_string(p.port)) {}
  std::string text;
};

/// The name; "" for none.
[[nodiscard]] inline std::string name_of(const policy::upstream_proxy* p) {
  return p ? upstream_proxy_name{*p}.text : std::string{};
}

/// What is wrong when an upstream proxy answers 407.
[[nodiscard]] std::string asks_for_credentials(const policy::upstream_proxy& p);

/// The value of Proxy-Authorization (RFC 7617); "" without credentials.
[[nodiscard]] std::string proxy_authorization(const policy::upstream_proxy& p);

} // namespace proxy
