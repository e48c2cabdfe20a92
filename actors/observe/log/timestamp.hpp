#pragma once

#include <chrono>
#include <string>

namespace proxy {

/// Appends a moment as RFC 3339 in UTC with milliseconds: `2026-11-22T00:00:00.000Z`, 24
/// characters.
void append_timestamp(std::string& out, std::chrono::system_clock::time_point at);

[[nodiscard]] inline std::string timestamp(std::chrono::system_clock::time_point at) {
  std::string out;
  append_timestamp(out, at);
  return out;
}

} // namespace proxy
