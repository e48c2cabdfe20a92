#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

/// When something is to have happened, in tests of threads.

namespace proxy::test {

using namespace std::chrono_literals;

/// Something that happens once.
class happening {
public:
  void happen() {
    std::lock_guard guard{lock_};
    happened_ = true;
    told_.notify_all();
  }
  /// @returns false when it does not happen within `limit`.
  bool wait(std::chrono::milliseconds limit = 10s) const {
    std::unique_lock guard{lock_};
    return told_.wait_for(guard, limit, [&] { return happened_; });
  }

private:
  mutable std::mutex lock_;
  mutable std::condition_variable told_;
  bool happened_ = false;
};

/// A deadline that is over soon: for what does not come.
inline std::chrono::steady_clock::time_point soon() {
  return std::chrono::steady_clock::now() + 20ms;
}

/// A deadline that nothing gets to unless the test fails.
inline std::chrono::steady_clock::time_point late() {
  return std::chrono::steady_clock::now() + 20s;
}

} // namespace proxy::test
