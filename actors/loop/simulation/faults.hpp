#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace proxy::simulation {

/// Calls of a node that a test may have fail, whatever descriptor they are about.
enum class call : uint8_t { open, connect, accept, read, write, receive, send, pipe };

/// Which of them fail.
class faults {
public:
  /// So many calls of a kind fail in a row, once `after` more have been done.
  void plan(call which, int error, size_t times, size_t after) noexcept {
    at(which) = {error, times, after};
  }
  /// Counts a call. @returns errno, or 0: this one is done.
  [[nodiscard]] int take(call which) noexcept {
    auto& next = at(which);
    if (next.times == 0)
      return 0;
    if (next.after > 0) {
      --next.after;
      return 0;
    }
    --next.times;
    return next.error;
  }
  /// How many are still to fail.
  [[nodiscard]] size_t left(call which) const noexcept {
    return all_[static_cast<size_t>(which)].times;
  }

private:
  struct planned {
    int error = 0;
    size_t times = 0;
    size_t after = 0;
  };
  planned& at(call which) noexcept { return all_[static_cast<size_t>(which)]; }

  std::array<planned, 8> all_{};
};

} // namespace proxy::simulation
