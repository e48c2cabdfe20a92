#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace proxy::test {

/// What threads tell, in the order in which they do, for a test to wait for.
template <class T>
class heard {
public:
  void add(T one) {
    std::lock_guard guard{lock_};
    all_.push_back(std::move(one));
    told_.notify_all();
  }
  /// @returns false when so many do not come within `limit`.
  [[nodiscard]] bool wait(size_t count, std::chrono::milliseconds limit = patience) const {
    std::unique_lock guard{lock_};
    return told_.wait_for(guard, limit, [&] { return all_.size() >= count; });
  }
  /// Waits until there are so many. @returns all there are; fewer when it takes too long.
  [[nodiscard]] std::vector<T> await(size_t count) const {
    (void)wait(count);
    return all();
  }
  /// Waits until one is as wanted. @returns whether one is.
  template <class Wanted>
  [[nodiscard]] bool has(Wanted wanted) const {
    std::unique_lock guard{lock_};
    return told_.wait_for(guard, patience, [&] { return std::ranges::any_of(all_, wanted); });
  }
  [[nodiscard]] std::vector<T> all() const {
    std::lock_guard guard{lock_};
    return all_;
  }

private:
  static constexpr std::chrono::seconds patience{60};

  mutable std::mutex lock_;
  mutable std::condition_variable told_;
  std::vector<T> all_;
};

} // namespace proxy::test
