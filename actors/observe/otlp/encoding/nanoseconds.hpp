#pragma once

#include <chrono>
#include <cstdint>

namespace proxy::otlp {

/// A moment as OTLP has it: nanoseconds since the Unix epoch; 0 for one before that.
[[nodiscard]] inline uint64_t nanoseconds(std::chrono::system_clock::time_point at) noexcept {
  auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
  return since > 0 ? static_cast<uint64_t>(since) : 0;
}

} // namespace proxy::otlp
