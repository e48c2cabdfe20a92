#pragma once

#include <spdlog/common.h>

#include <chrono>
#include <string>
#include <string_view>

namespace proxy {

/// One log record.
struct log_record {
  std::chrono::system_clock::time_point at;
  spdlog::level::level_enum level = spdlog::level::info;
  std::string_view text; ///< `msg=… key=value key="a value"`
};

/// Appends `time=… level=… msg=…` and a line end. Control characters in the text are escaped, so
/// that no value can forge a line.
void append_text_line(std::string& out, const log_record& record);

/// Appends the same as a JSON object: values in quotes are strings; bare decimal numbers, `true`
/// and `false` are what they say; words without a key belong to the value before them.
void append_json_line(std::string& out, const log_record& record);

/// Whether a text needs no quotes to be read as one string: a single word without quotes,
/// backslashes and equals signs that is neither a number nor a boolean. Not the empty one.
[[nodiscard]] bool is_plain_word(std::string_view text) noexcept;

/// A level as it is configured: "warn", not "warning".
[[nodiscard]] std::string_view level_name(spdlog::level::level_enum level) noexcept;

/// The level with this name; info when there is none.
[[nodiscard]] spdlog::level::level_enum level_named(std::string_view name) noexcept;

} // namespace proxy
