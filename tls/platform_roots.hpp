#pragma once

#include <string>
#include <vector>

namespace proxy::tls {

/// Where a platform keeps the roots it trusts.
struct platform_roots {
  std::vector<std::string> files;   ///< The first that exists counts.
  std::vector<std::string> folders; ///< All that exist count.
  /// The folder where an issuer that the file does not have is looked for, by the hash of its name
  /// (c_rehash); "" for none.
  std::string hashed{};
};

/// The usual places of Linux distributions, OpenSSL's own first.
[[nodiscard]] const platform_roots& usual_roots();

} // namespace proxy::tls
