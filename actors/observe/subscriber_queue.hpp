#pragma once

#include <atomic>
#include <cstdint>

namespace proxy {

/// How much waits for one subscriber, and how much it has lost: counted by many threads, no locks.
struct subscriber_queue {
  std::atomic<uint64_t> waiting{0};
  std::atomic<uint64_t> dropped{0};

  /// Makes room for `amount` more. @returns false, and counts a drop, where that would be more than
  /// `max`.
  [[nodiscard]] bool enter(uint64_t max, uint64_t amount = 1) noexcept {
    if (waiting.fetch_add(amount, std::memory_order_relaxed) + amount <= max)
      return true;
    waiting.fetch_sub(amount, std::memory_order_relaxed);
    dropped.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  void leave(uint64_t amount = 1) noexcept { waiting.fetch_sub(amount, std::memory_order_relaxed); }
};

} // namespace proxy
