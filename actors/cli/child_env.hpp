#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/proxy_config.hpp"

namespace proxy::cli {

/// One environment variable.
struct variable {
  std::string name;
  std::string value;
  friend bool operator==(const variable&, const variable&) = default;
};

/// The variables that make clients use a proxy, and with `mitm` trust what it shows them.
/// @param proxy_url  `http://127.0.0.1:3128`
[[nodiscard]] std::vector<variable> child_variables(const std::string& proxy_url,
                                                    const config::proxy_config& config);

/// Where clients on this machine reach a listener: a wildcard becomes loopback. nullopt when its
/// port is chosen at start, or it is a unix socket.
[[nodiscard]] std::optional<std::string> url_for_clients(const config::listen_address& listener);

/// How a list of variables is written.
enum class env_format : uint8_t { sh, fish, json, dotenv };
[[nodiscard]] std::optional<env_format> env_format_named(std::string_view name) noexcept;
[[nodiscard]] std::string format_variables(std::span<const variable> all, env_format format);

/// The process environment with `ours` over it, as `name=value`.
[[nodiscard]] std::vector<std::string> merged_environment(const char* const* inherited,
                                                          std::span<const variable> ours);

} // namespace proxy::cli
