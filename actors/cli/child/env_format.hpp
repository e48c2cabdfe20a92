#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "actors/clients/child_env.hpp"

namespace proxy::cli {

/// How a list of variables is written.
enum class env_format : uint8_t { sh, fish, json, dotenv };
[[nodiscard]] std::optional<env_format> env_format_named(std::string_view name) noexcept;
[[nodiscard]] std::string format_variables(std::span<const variable> all, env_format format);

} // namespace proxy::cli
