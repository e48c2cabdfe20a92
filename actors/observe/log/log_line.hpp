#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "actors/observe/decision_event.hpp"
#include "actors/observe/log/log_value.hpp"

namespace proxy {

enum class log_level : uint8_t { trace, debug, info, warn, error, off };

/// What a line says.
struct log_entry {
  std::chrono::system_clock::time_point at;
  log_level level = log_level::info;
  const char* format = "msg="; ///< As `log_format` has it.
  std::span<const log_value> values;
};

enum class log_layout : uint8_t {
  text, ///< `time=… level=… msg=… key=value key="a value"`
  json, ///< An object with the same members: values in quotes are strings, bare decimal numbers,
        ///< `true` and `false` are what they say.
};

/// Appends a line and its end. Control characters in values are escaped, so that none can forge a
/// line.
void append_log_line(std::string& out, log_layout layout, const log_entry& entry);

/// The same for a refusal or a fault.
void append_log_line(std::string& out, log_layout layout, const decision_event& event);

/// Whether a text needs no quotes to be read as one string: a single word without quotes,
/// backslashes and equals signs that is neither a number nor a boolean. Not the empty one.
[[nodiscard]] bool is_plain_word(std::string_view text) noexcept;

[[nodiscard]] std::string_view level_name(log_level level) noexcept;

/// The level with this name; info when there is none.
[[nodiscard]] log_level level_named(std::string_view name) noexcept;

} // namespace proxy
