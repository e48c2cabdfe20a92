#pragma once

#include <caf/expected.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/error.hpp"

namespace proxy::config {

/// Parses a duration: one or more `<digits><unit>` with units d, h, m, s, ms, each at most once,
/// largest first.
/// @returns errc::invalid_config with what was expected.
[[nodiscard]] caf::expected<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Parses a size in bytes: `<digits><unit>`, unit B, kB, MB, GB (powers of 1000) or KiB, MiB, GiB
/// (1024), any case.
/// @returns errc::invalid_config with what was expected.
[[nodiscard]] caf::expected<uint64_t> parse_size(std::string_view text);

/// "1h30m", "500ms", "0s": what `parse_duration` reads back.
[[nodiscard]] std::string duration_text(std::chrono::milliseconds value);

/// "64KiB", "4096B": what `parse_size` reads back.
[[nodiscard]] std::string size_text(uint64_t bytes);

/// Without white space at both ends.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// In double quotes with control characters and quotes escaped as TOML and terminals need it.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// As `in_quotes`, cut to what fits a message.
[[nodiscard]] std::string excerpt(std::string_view text);

/// Bare where TOML allows it, else quoted.
[[nodiscard]] std::string toml_key(std::string_view text);

} // namespace proxy::config
