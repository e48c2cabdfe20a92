#include "actors/loop/event_loop.hpp"

#include "actors/loop/task/waker.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <algorithm>

namespace proxy {

namespace {

thread_local event_loop* current = nullptr;

constexpr size_t max_messages_per_resume = 64;

} // namespace

event_loop::event_loop(caf::actor_system& system, const machine& on, std::unique_ptr<poller> how)
  : caf::execution_unit(&system), on_(on), poller_(how ? std::move(how) : on.network.make_poller()),
    events_(256), now_(on.clock.now()), wheel_(now_),
    scratch_(new (page_memory::border) char[scratch_size]) {}

event_loop::~event_loop() {
  inbox_.take(local_);
  for (auto* what : local_)
    caf::intrusive_ptr_release(what);
  deferred_.clear();
  kept_.clear();
}

void event_loop::run() {
  current = this;
  while (!stopping_.load(std::memory_order_acquire))
    turn(std::chrono::milliseconds{-1});
  // What was sent before the stop is still delivered.
  do
    turn(std::chrono::milliseconds{0});
  while (!local_.empty());
  current = nullptr;
}

void event_loop::stop() noexcept {
  stopping_.store(true, std::memory_order_release);
  poller_->wake();
}

void event_loop::turn(std::chrono::milliseconds wait) {
  auto* outer = std::exchange(current, this);
  if (!local_.empty() || !again_.empty())
    wait = std::chrono::milliseconds{0};
  else if (auto sleep = wheel_.sleep_for(now_);
           sleep.count() >= 0 && (wait.count() < 0 || sleep < wait))
    wait = sleep;
  event_count_ = poller_->wait(events_, wait);
  now_ = on_.clock.now();
  for (next_event_ = 0; next_event_ < event_count_;) {
    auto [source, bits] = events_[next_event_++];
    if (!source)
      continue;
    source->ready |= bits;
    source->on_ready();
  }
  event_count_ = 0;
  firing_.swap(again_);
  for (size_t i = 0; i < firing_.size(); ++i)
    if (auto* who = std::exchange(firing_[i], nullptr))
      who->fire();
  firing_.clear();
  inbox_.take(local_);
  // Only what is queued by now: two actors that chat must not keep the descriptors waiting.
  running_.swap(local_);
  for (auto* what : running_)
    run_one(what);
  running_.clear();
  wheel_.advance(now_);
  deferred_.clear();
  current = outer;
}

std::optional<steady_time> event_loop::next_turn() const noexcept {
  if (!local_.empty() || !again_.empty())
    return now_;
  auto sleep = wheel_.sleep_for(now_);
  return sleep.count() < 0 ? std::nullopt : std::optional{now_ + sleep};
}

void event_loop::run_one(caf::resumable* what) {
  switch (what->resume(this, max_messages_per_resume)) {
    case caf::resumable::resume_later: local_.push_back(what); break;
    case caf::resumable::shutdown_execution_unit: break;
    default: caf::intrusive_ptr_release(what);
  }
}

void event_loop::exec_later(caf::resumable* what) {
  auto kind = what->subtype();
  if (kind != caf::resumable::io_actor && kind != caf::resumable::function_object)
    system().scheduler().enqueue(what);
  else if (current == this)
    local_.push_back(what);
  else if (inbox_.push(what))
    poller_->wake();
}

void event_loop::drop_reports(io_source& source) noexcept {
  for (auto i = next_event_; i < event_count_; ++i)
    if (events_[i].source == &source)
      events_[i].source = nullptr;
}

void event_loop::not_again(ready_handler& who) noexcept {
  for (auto* list : {&again_, &firing_})
    std::replace(list->begin(), list->end(), &who, static_cast<ready_handler*>(nullptr));
}

void event_loop::unwatch(io_source& source) {
  poller_->remove(source);
  drop_reports(source);
}

void event_loop::forget(io_source& source) {
  poller_->forget(source);
  drop_reports(source);
}

} // namespace proxy
