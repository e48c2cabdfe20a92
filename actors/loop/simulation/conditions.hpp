#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

namespace proxy::simulation {

/// What a way between two nodes does to what takes it, in one direction.
struct conditions {
  std::chrono::nanoseconds delay{0};
  std::chrono::nanoseconds jitter{0}; ///< At most so much is added; streams stay in order.
  uint64_t bytes_per_second = 0;      ///< 0: as fast as can be.
  uint32_t lost = 0;                  ///< Datagrams of a million.
  uint32_t doubled = 0;               ///< The same.
  /// What one call moves at most, as of a kernel that is short of buffers.
  size_t longest_read = std::numeric_limits<size_t>::max();
  size_t longest_write = std::numeric_limits<size_t>::max();
  uint32_t spurious = 0;              ///< Calls of a million that meet EAGAIN for no reason.
  std::optional<uint64_t> reset_at{}; ///< A stream is reset once it has carried so many bytes.
  bool refuses = false;               ///< Whoever connects is refused.
  bool swallows = false;              ///< Whoever connects is never answered.
};

} // namespace proxy::simulation
