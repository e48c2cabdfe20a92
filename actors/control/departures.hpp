#pragma once

#include <caf/error.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace proxy {

/// Parts that were told to end, and until when they are waited for, all together.
class departures {
public:
  void begin(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }

  /// From now on one more of that name is waited for.
  template <class Handle>
  static void add(const std::shared_ptr<departures>& all, const std::string& name,
                  const Handle& who) {
    {
      std::lock_guard guard{all->lock_};
      all->there_.insert(name);
    }
    who->attach_functor([all, name](const caf::error&) {
      std::lock_guard guard{all->lock_};
      all->there_.erase(all->there_.find(name));
      all->changed_.notify_all();
    });
  }

  /// Waits until all of that name have gone. @returns false when that takes too long.
  [[nodiscard]] bool await(const std::string& name) {
    std::unique_lock guard{lock_};
    return changed_.wait_until(guard, deadline_, [&] { return there_.count(name) == 0; });
  }
  /// The same, but not once somebody is in a hurry.
  [[nodiscard]] bool await_unhurried(const std::string& name) {
    std::unique_lock guard{lock_};
    (void)changed_.wait_until(guard, deadline_,
                              [&] { return hurried_ || there_.count(name) == 0; });
    return there_.count(name) == 0;
  }

  void hurry() {
    std::lock_guard guard{lock_};
    hurried_ = true;
    changed_.notify_all();
    if (hurried_others_)
      hurried_others_();
  }
  /// Who hears of a hurry besides, and of one that was before; null: nobody.
  void on_hurry(std::function<void()> others) {
    std::lock_guard guard{lock_};
    hurried_others_ = std::move(others);
    if (hurried_ && hurried_others_)
      hurried_others_();
  }

private:
  std::mutex lock_;
  std::condition_variable changed_;
  std::multiset<std::string> there_;
  bool hurried_ = false;
  std::function<void()> hurried_others_;
  std::chrono::steady_clock::time_point deadline_; ///< Of the thread that waits.
};

} // namespace proxy
