#pragma once

#include <string>
#include <string_view>

namespace proxy {

/// Scheme, host and port of a URL, for people to read: what else it has may be secret.
[[nodiscard]] inline std::string origin_of(std::string_view url) {
  auto scheme = url.find("://");
  if (scheme == std::string_view::npos)
    return {};
  auto authority = url.substr(scheme + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (auto at = authority.rfind('@'); at != std::string_view::npos)
    authority.remove_prefix(at + 1);
  return std::string{url.substr(0, scheme + 3)}.append(authority);
}

} // namespace proxy
