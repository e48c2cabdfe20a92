#pragma once

#include <string>
#include <vector>

#include "actors/clients/client_files.hpp"
#include "config/proxy_config.hpp"

namespace proxy {

/// One environment variable.
struct variable {
  std::string name;
  std::string value;
  friend bool operator==(const variable&, const variable&) = default;
};

/// The variables that make clients use a proxy, and with `mitm` trust what it shows them.
/// @param proxy_url  `http://[user:password@]127.0.0.1:3128`
/// @param env        What the client's environment would be without us: some of it is gone on with.
[[nodiscard]] std::vector<variable> child_variables(const std::string& proxy_url,
                                                    const config::proxy_config& config,
                                                    const client_files& files,
                                                    const config::environment& env);

} // namespace proxy
