#include "actors/loop/event_loop.hpp"

#include "actors/loop/task/waker.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <algorithm>

namespace proxy {

namespace {

thread_local event_loop* current = nullptr;

constexpr size_t max_messages_per_resume = 64;
constexpr size_t events_at_once = 256;

} // namespace

event_loop::event_loop(caf::actor_system& system, const machine& on, std::unique_ptr<poller> how)
  : caf::execution_unit(&system), on_(on), poller_(how ? std::move(how) : on.network.make_poller()),
    events_(events_at_once), now_(on.clock.now()), wheel_(now_),
    scratch_(new (page_memory::border) char[scratch_size]), calls_(*this) {}

event_loop::~event_loop() {
  calls_.end_turn();
  none_owned_ = nullptr;
  owned_.clear();
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
  if (!local_.empty() || !again_.empty() || !roused_.empty())
    wait = std::chrono::milliseconds{0};
  else if (auto sleep = wheel_.sleep_for(now_);
           sleep.count() >= 0 && (wait.count() < 0 || sleep < wait))
    wait = sleep;
  event_count_ = poller_->wait(std::span{events_}.first(events_at_once), wait);
  now_ = on_.clock.now();
  hand_out_events();
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
  calls_.end_turn();
  current = outer;
}

void event_loop::hand_out_events() {
  if (!roused_.empty()) {
    events_.resize(std::max(events_.size(), event_count_ + roused_.size()));
    for (auto* source : roused_)
      events_[event_count_++] = {source, 0};
    roused_.clear();
  }
  calls_.begin_turn(std::span{events_}.first(event_count_));
  for (next_event_ = 0; next_event_ < event_count_;) {
    auto end = event_count_;
    if (calls_.gathers()) {
      end = std::min(end, next_event_ + call_batch::slots);
      read_ahead(end);
    }
    while (next_event_ < end) {
      auto [source, bits] = events_[next_event_++];
      if (!source)
        continue;
      source->ready |= bits;
      source->on_ready();
    }
    calls_.end_slice();
  }
  event_count_ = 0;
}

/// Of the events up to `end`.
void event_loop::read_ahead(size_t end) noexcept {
  for (auto i = next_event_; i < end; ++i) {
    auto& [source, bits] = events_[i];
    if (!source)
      continue;
    source->ready |= std::exchange(bits, uint8_t{0}); // a read may take some of it back
    source->read_ahead(calls_);
  }
  calls_.run();
}

std::optional<steady_time> event_loop::next_turn() const noexcept {
  if (!local_.empty() || !again_.empty() || !roused_.empty())
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
  std::erase(roused_, &source);
}

void event_loop::disown(io_source& source) noexcept {
  auto gone = std::ranges::find(owned_, &source, &std::unique_ptr<io_source>::get);
  if (gone == owned_.end())
    return;
  auto last = std::move(*gone); // its end may look at the others
  owned_.erase(gone);
  last.reset();
  if (owned_.empty() && none_owned_)
    none_owned_();
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
