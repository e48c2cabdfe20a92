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
  /// What the configuration says is in force: false after a reload that came to nothing, until a
  /// change is made (which reads the configuration anew).
  std::atomic<bool> configured{true};
  /// When a policy that was asked for last came into force, the first one too; Unix time.
  std::atomic<int64_t> in_force_since_ms{0};

  void came_into_force(std::chrono::system_clock::time_point now) noexcept {
    using ms = std::chrono::milliseconds;
    in_force_since_ms.store(std::chrono::duration_cast<ms>(now.time_since_epoch()).count(),
                            std::memory_order_relaxed);
  }
  /// One that was asked for is served by every worker.
  void succeeded() noexcept {
    made.fetch_add(1, std::memory_order_relaxed);
    configured.store(true, std::memory_order_relaxed);
  }
  /// One that was asked for comes to nothing. @param is_reload  Nothing else was asked for.
  void failed(bool is_reload) noexcept {
    refused.fetch_add(1, std::memory_order_relaxed);
    if (is_reload)
      configured.store(false, std::memory_order_relaxed);
  }
};

} // namespace proxy
