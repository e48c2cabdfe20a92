#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/home.hpp"
#include "config/proxy_config.hpp"

namespace proxy {

/// What a client must not inherit.
struct hidden_variables {
  std::vector<std::string> names;  ///< Sources of secrets.
  std::vector<std::string> values; ///< Secrets, in whatever variable they stand.

  /// @param line  `name=value`. Also true for proxies with credentials, whatever their name.
  [[nodiscard]] bool contain(std::string_view line) const noexcept;
};

/// What the configuration takes from the environment, or has from elsewhere and may stand there
/// too.
/// @param env  Where the configuration found its variables.
[[nodiscard]] hidden_variables hidden_from_clients(const config::proxy_config& config,
                                                   const config::environment& env);

} // namespace proxy
