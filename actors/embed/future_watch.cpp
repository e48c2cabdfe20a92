#include "actors/embed/future_watch.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "actors/loop/system/quiet_thread.hpp"

namespace proxy::embed {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds shortest_pause{1};
constexpr milliseconds longest_pause{20};

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
  std::vector<awaited> added;
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
      running = false;
      guard.unlock();
      return;
    }
    guard.unlock();
    std::erase_if(all, settle);
    guard.lock();
    if (added.empty() && !all.empty()) {
      changed.wait_for(guard, pause, [this] { return over || !added.empty(); });
      pause = std::min(pause + pause / 2 + milliseconds{1}, longest_pause);
    }
  }
}

future_watch::future_watch() : shared_(std::make_shared<shared>()) {}

future_watch::~future_watch() {
  std::lock_guard guard{shared_->lock};
  shared_->over = true;
  shared_->changed.notify_all();
}

void future_watch::add(std::future<codex::network_decision> answer, codex::decision_reply reply) {
  awaited one{std::move(answer), std::move(reply)};
  if (settle(one))
    return;
  std::lock_guard guard{shared_->lock};
  shared_->added.push_back(std::move(one));
  shared_->changed.notify_all();
  if (!std::exchange(shared_->running, true)) {
    try {
      quiet_thread([kept = shared_] { kept->run(); }).detach();
    } catch (...) {
      shared_->running = false;
      shared_->added.pop_back();
      throw;
    }
  }
}

} // namespace proxy::embed
