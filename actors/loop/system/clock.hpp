#pragma once

#include <chrono>

namespace proxy {

using steady_time = std::chrono::steady_clock::time_point;
using wall_time = std::chrono::system_clock::time_point;

/// The time, as it is or as a test makes it pass. May be read on any thread.
class clock {
public:
  virtual ~clock() = default;
  /// For deadlines and durations: never goes back.
  [[nodiscard]] virtual steady_time now() const noexcept = 0;
  /// For what people and certificates call the time: may be set, back too.
  [[nodiscard]] virtual wall_time wall() const noexcept = 0;
};

} // namespace proxy
