#pragma once

#include <string>
#include <vector>

#include "config/layer.hpp"
#include "config/proxy_config.hpp"

namespace proxy::config {

/// Reads `client_certificates`: a list of tables. Everything wrong is reported at its place, and
/// the entry left out. The files are not read yet.
/// @param name  The key as messages name it, e.g. `permissions.dev.network.client_certificates`.
[[nodiscard]] std::vector<client_certificate> read_client_certificates(const layer& from,
                                                                       const toml::node& node,
                                                                       const std::string& name,
                                                                       report& out);

} // namespace proxy::config
