#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace proxy {

/// What became of changes of the policy that somebody asked for: written by the policy store alone,
/// read by whoever tells of it.
struct reload_counts {
  std::atomic<uint64_t> made{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<bool> last_was_made{true};
  /// When a policy last came into force, the first one too; Unix time.
  std::atomic<int64_t> in_force_since_ms{0};

  void came_into_force(std::chrono::system_clock::time_point now) noexcept {
    using ms = std::chrono::milliseconds;
    in_force_since_ms.store(std::chrono::duration_cast<ms>(now.time_since_epoch()).count(),
                            std::memory_order_relaxed);
  }
  /// One that was asked for is served by every worker, or comes to nothing.
  void ended(bool in_force) noexcept {
    (in_force ? made : refused).fetch_add(1, std::memory_order_relaxed);
    last_was_made.store(in_force, std::memory_order_relaxed);
  }
};

} // namespace proxy
