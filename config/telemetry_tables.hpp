#pragma once

#include <string>
#include <vector>

#include "config/layer.hpp"
#include "config/proxy_config.hpp"
#include "config/report.hpp"

/// The tables in `[network_proxy.otel]`. Everything wrong is reported at its place, and the entry
/// left out.

namespace proxy::config {

/// `headers`: names with where their values are. The values are not fetched yet.
/// @param name  The key as messages name it.
[[nodiscard]] std::vector<otlp_header> read_headers(const layer& from, const toml::node& node,
                                                    const std::string& name, report& out);

/// `attributes`: names with texts.
[[nodiscard]] text_pairs read_attributes(const layer& from, const toml::node& node,
                                         const std::string& name, report& out);

/// Whether a field of a request to the collector may have this name: those that say what its body
/// is, and where it ends, are ours.
/// @returns what is wrong, "" when nothing is.
[[nodiscard]] std::string wrong_with_header(std::string_view name);

} // namespace proxy::config
