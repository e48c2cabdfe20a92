#include "actors/embed/callback_pool.hpp"

#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "actors/loop/system/quiet_thread.hpp"

namespace proxy::embed {

/// Owned by the pool and by each of its threads: one that is left behind has it for itself.
struct callback_pool::shared {
  shared(size_t most_threads, size_t most_waiting)
    : max_threads(most_threads), max_waiting(most_waiting) {}

  const size_t max_threads;
  const size_t max_waiting;
  std::mutex lock;
  std::condition_variable work; ///< There is some, or the end has come.
  std::condition_variable done; ///< A call, or a thread.
  std::deque<job> waiting;
  struct caller {
    std::thread thread{};
    bool ended = false; ///< It touches nothing any more.
  };
  std::list<caller> callers;
  size_t threads = 0; ///< Of them, those that have not ended.
  size_t idle = 0;
  bool over = false;

  void run(caller& own);
  /// Those that have ended, but for their last steps. Lets go of the others.
  [[nodiscard]] std::vector<std::thread> take_ended();
  /// One when a call of this pool's is the caller, which waits for itself in vain.
  [[nodiscard]] size_t own_threads() const noexcept;
};

namespace {

/// The pool whose thread this one is.
thread_local const void* own_pool = nullptr;

/// What the program throws is its own matter.
void call(const callback_pool::job& what) noexcept {
  try {
    what();
  } catch (...) {
    return;
  }
}

} // namespace

size_t callback_pool::shared::own_threads() const noexcept { return own_pool == this ? 1 : 0; }

void callback_pool::shared::run(caller& own) {
  own_pool = this;
  std::unique_lock guard{lock};
  while (!over) {
    if (waiting.empty()) {
      ++idle;
      done.notify_all();
      work.wait(guard, [this] { return over || !waiting.empty(); });
      --idle;
      continue;
    }
    auto what = std::move(waiting.front());
    waiting.pop_front();
    guard.unlock();
    call(what);
    what = nullptr; // what it holds goes before anybody is told that it is done
    guard.lock();
  }
  own.ended = true;
  --threads;
  done.notify_all();
}

std::vector<std::thread> callback_pool::shared::take_ended() {
  std::vector<std::thread> out;
  for (auto& each : callers)
    if (each.ended)
      out.push_back(std::move(each.thread));
    else
      each.thread.detach();
  return out;
}

callback_pool::callback_pool(size_t max_threads, size_t max_waiting)
  : shared_(std::make_shared<shared>(max_threads, max_waiting)) {}

callback_pool::~callback_pool() { end(); }

bool callback_pool::post(job what) {
  auto& all = *shared_;
  std::unique_lock guard{all.lock};
  if (all.over || all.waiting.size() >= all.max_waiting)
    return false;
  // A thread that was woken before is free no more, though it may not know yet.
  if (all.idle <= all.waiting.size() && all.threads < all.max_threads) {
    auto& made = all.callers.emplace_back();
    try {
      made.thread = quiet_thread([kept = shared_, &made] { kept->run(made); });
      ++all.threads;
    } catch (const std::system_error&) {
      all.callers.pop_back();
      if (all.threads == 0)
        return false;
    }
  }
  all.waiting.push_back(std::move(what));
  guard.unlock();
  all.work.notify_one();
  return true;
}

bool callback_pool::drain(clock::time_point deadline) noexcept {
  auto& all = *shared_;
  std::unique_lock guard{all.lock};
  const auto own = all.own_threads();
  return all.done.wait_until(guard, deadline,
                             [&] { return all.waiting.empty() && all.idle + own >= all.threads; });
}

void callback_pool::end(clock::time_point deadline) noexcept {
  auto& all = *shared_;
  std::deque<job> dropped;
  std::unique_lock guard{all.lock};
  if (std::exchange(all.over, true))
    return;
  dropped.swap(all.waiting);
  all.work.notify_all();
  const auto own = all.own_threads();
  (void)all.done.wait_until(guard, deadline, [&] { return all.threads <= own; });
  auto ended = all.take_ended();
  guard.unlock(); // what is dropped may be the program's
  for (auto& each : ended)
    each.join(); // a library may be unloaded once this returns
}

} // namespace proxy::embed
