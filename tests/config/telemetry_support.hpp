#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "tests/config/support.hpp"

namespace proxy::config::test {

using variables = std::map<std::string, std::string>;

/// Loads `[network_proxy.otel]` with these lines, in this environment.
inline loaded load_otel(const std::string& lines, const variables& env = {}) {
  folder home;
  home.write("config.toml", newer("enabled = true\n") + "[network_proxy.otel]\n" + lines);
  return load(home.from(env));
}

inline otel otel_of(const std::string& lines, const variables& env = {}) {
  return config_of(load_otel(lines, env)).otel;
}

inline std::string joined(const text_pairs& all) {
  std::string out;
  for (const auto& [name, value] : all)
    out += name + '=' + value + ';';
  return out;
}

/// How many warnings there are of a key, or a variable.
inline size_t warnings_of(const loaded& result, const std::string& key) {
  return static_cast<size_t>(std::ranges::count_if(result.problems, [&](const problem& p) {
    return p.key == key && p.level == problem::severity::warning;
  }));
}

} // namespace proxy::config::test
