#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/text.hpp"

namespace proxy {

/// How an answer names the setting that was met, for whoever has to change it:
/// "timeouts.head = 30s".
[[nodiscard]] inline std::string setting_text(std::string_view key, std::string_view value) {
  std::string out{key};
  out += " = ";
  out += value;
  return out;
}
[[nodiscard]] inline std::string setting_text(std::string_view key,
                                              std::chrono::milliseconds value) {
  return setting_text(key, config::duration_text(value));
}
[[nodiscard]] inline std::string setting_text(std::string_view key, uint64_t value) {
  return setting_text(key, std::to_string(value));
}

} // namespace proxy
