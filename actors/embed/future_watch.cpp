#include "actors/embed/future_watch.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "actors/loop/system/quiet_thread.hpp"

namespace proxy::embed {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds shortest_pause{1};
constexpr milliseconds longest_pause{20};

/// Futures that are waited for: some decider may never make any of them ready.
constexpr size_t max_waiting = 20'000;

/// How long the thread is waited for.
constexpr std::chrono::seconds end_patience{5};

struct awaited {
  std::future<codex::network_decision> answer;
  codex::decision_reply reply;
};

/// @returns whether there is nothing to wait for any more.
bool settle(awaited& one) noexcept {
  try {
    if (one.answer.valid() && one.answer.wait_for(milliseconds{0}) == std::future_status::timeout)
      return false;
    if (one.answer.valid())
      one.reply(one.answer.get());
  } catch (...) {
    return true; // the reply goes without an answer
  }
  return true;
}

} // namespace

struct future_watch::shared {
  std::mutex lock;
  std::condition_variable changed;
  std::condition_variable ended; ///< The thread, but for its last steps.
  std::vector<awaited> added;
  size_t waiting = 0; ///< Those that the thread looks at.
  std::thread thread;
  bool running = false;
  bool over = false;

  void run();
};

void future_watch::shared::run() {
  std::vector<awaited> all;
  auto pause = shortest_pause;
  std::unique_lock guard{lock};
  for (;;) {
    if (!added.empty())
      pause = shortest_pause;
    std::ranges::move(std::exchange(added, {}), std::back_inserter(all));
    if (all.empty() || over) {
      guard.unlock();
      all.clear(); // one of std::async waits for its end here
      guard.lock();
      if (!over && !added.empty())
        continue;
      running = false;
      ended.notify_all();
      return;
    }
    waiting = all.size();
    guard.unlock();
    std::erase_if(all, settle);
    guard.lock();
    waiting = all.size();
    if (added.empty() && !all.empty()) {
      changed.wait_for(guard, pause, [this] { return over || !added.empty(); });
      pause = std::min(pause + pause / 2 + milliseconds{1}, longest_pause);
    }
  }
}

future_watch::future_watch() : shared_(std::make_shared<shared>()) {}

future_watch::~future_watch() {
  auto& all = *shared_;
  std::unique_lock guard{all.lock};
  all.over = true;
  all.changed.notify_all();
  (void)all.ended.wait_for(guard, end_patience, [&] { return !all.running; });
  if (all.running)
    all.thread.detach();
  else if (all.thread.joinable())
    std::exchange(all.thread, {}).join();
}

void future_watch::add(std::future<codex::network_decision> answer, codex::decision_reply reply) {
  awaited one{std::move(answer), std::move(reply)};
  if (settle(one))
    return;
  std::lock_guard guard{shared_->lock};
  if (shared_->waiting + shared_->added.size() >= max_waiting)
    return; // its reply goes without an answer
  shared_->added.push_back(std::move(one));
  shared_->changed.notify_all();
  if (!std::exchange(shared_->running, true)) {
    try {
      if (shared_->thread.joinable())
        shared_->thread.join(); // of before, which has ended
      shared_->thread = quiet_thread([kept = shared_] { kept->run(); });
    } catch (...) {
      shared_->running = false;
      shared_->added.pop_back();
      throw;
    }
  }
}

} // namespace proxy::embed
