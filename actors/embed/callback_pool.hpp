#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace proxy::embed {

/// Threads that call what the embedding program handed over: it may block, throw, and never return.
/// They begin when there is work and none of them is free, and end with the pool. From any thread.
class callback_pool {
public:
  using job = std::function<void()>;
  using clock = std::chrono::steady_clock;

  /// How long calls under way are waited for at the end.
  static constexpr std::chrono::seconds end_patience{5};

  /// @param max_threads  With one, jobs are done in the order in which they come.
  /// @param max_waiting  Jobs that wait for a thread.
  callback_pool(size_t max_threads, size_t max_waiting);
  callback_pool(const callback_pool&) = delete;
  callback_pool& operator=(const callback_pool&) = delete;
  /// Ends it.
  ~callback_pool();

  /// Has a thread call `what`; what it throws is lost. Does not wait.
  /// @returns false where too many wait, no thread can be had, or the pool has ended.
  [[nodiscard]] bool post(job what);

  /// Waits until all that was posted is done but the caller's own call. @returns whether it is.
  bool drain(clock::time_point deadline) noexcept;

  /// Drops what waits, and waits for the calls under way but the caller's own. A thread whose call
  /// takes longer is left behind: it touches nothing of the pool any more.
  void end(clock::time_point deadline = clock::now() + end_patience) noexcept;

private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

} // namespace proxy::embed
