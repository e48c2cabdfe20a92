#pragma once

#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "tests/actors/flows/socks_client.hpp"

/// Which series of GET /metrics something moves, and by how much.

namespace proxy::test {

/// All series of this moment, by their names without our prefix.
using series_values = std::map<std::string, double>;

/// Whether a series says something of the machine, or of the look at it, and not of what is tested.
/// Of histograms the count is enough.
inline bool is_beside_the_point(const std::string& series) {
  for (std::string_view beginning :
       {"worker_", "connections_total", "connections_active", "memory_", "log_", "events_waiting",
        "info", "config_last_reload_success_timestamp"})
    if (series.starts_with(beginning))
      return true;
  return has(series, "_bucket") || has(series, "_seconds_sum") || has(series, "relayed_bytes") ||
         has(series, "tunnel_size_bytes_sum");
}

inline series_values all_series(stage& s) {
  static constexpr std::string_view prefix = "codex_network_proxy_";
  series_values out;
  std::istringstream page{ask_admin(s, "GET /metrics")};
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with(prefix) || is_beside_the_point(line.substr(prefix.size())))
      continue;
    line.erase(0, prefix.size());
    auto space = line.rfind(' ');
    out[line.substr(0, space)] = std::atof(line.c_str() + space + 1);
  }
  return out;
}

/// What has moved since it was made, in the order of the names: "requests_total +1\n".
class moved_series {
public:
  explicit moved_series(stage& s) : s_(s), before_(all_series(s)) {}

  [[nodiscard]] std::string since() {
    std::string out;
    auto now = all_series(s_);
    for (const auto& [name, value] : now) {
      auto was = before_.find(name);
      auto change = static_cast<long>(value - (was == before_.end() ? 0 : was->second));
      if (change != 0)
        out += name + (change > 0 ? " +" : " ") + std::to_string(change) + '\n';
    }
    before_ = std::move(now);
    return out;
  }

private:
  stage& s_;
  series_values before_;
};

} // namespace proxy::test
