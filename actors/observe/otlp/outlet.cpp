#include "actors/observe/otlp/outlet.hpp"

#include <algorithm>
#include <utility>

#include "actors/loop/system/platform.hpp"

namespace proxy {

namespace {

uint64_t bytes_of(const decision_event& event) {
  return sizeof(outlet_item) + sizeof event + event.host.size() + event.rule.size() +
         event.user.size() + event.words.size() + event.socket_path.size() +
         (event.fault ? event.fault->cause.size() : 0) +
         (event.passed_rule ? event.passed_rule->size() : 0);
}

/// Spans are made of the same short texts.
constexpr uint64_t bytes_of_span = 1024;

} // namespace

outlet::~outlet() {
  for (auto item = take_all(); item;)
    item = next(*item);
}

uint64_t outlet::limit(const state_of_kind& kind) const noexcept {
  auto whole = max_waiting_.load(std::memory_order_relaxed);
  return kind.in_doubt.load(std::memory_order_relaxed) ? std::min(whole, max_waiting_in_doubt)
                                                       : whole;
}

bool outlet::wants(outlet_kind kind) noexcept {
  const auto& own = of(kind);
  if (!own.open.load(std::memory_order_relaxed))
    return false;
  if (own.queue.waiting.load(std::memory_order_relaxed) < limit(own) &&
      bytes_.load(std::memory_order_relaxed) < max_waiting_bytes)
    return true;
  lost(otlp_loss::queue_full, 1);
  return false;
}

bool outlet::has_room(state_of_kind& kind, uint64_t bytes) noexcept {
  if (!kind.queue.enter(limit(kind))) {
    lost(otlp_loss::queue_full, 1);
    return false;
  }
  if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= max_waiting_bytes)
    return true;
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  kind.queue.leave();
  lost(otlp_loss::queue_full, 1);
  return false;
}

void outlet::tell(decision_event_ptr event) {
  if (!takes(outlet_kind::event))
    return;
  if (auto bytes = bytes_of(*event); has_room(of(outlet_kind::event), bytes))
    push(std::make_unique<outlet_item>(std::move(event), bytes));
}

void outlet::tell(span_ptr one) {
  if (takes(outlet_kind::span) && has_room(of(outlet_kind::span), bytes_of_span))
    push(std::make_unique<outlet_item>(std::move(one), bytes_of_span));
}

void outlet::push(std::unique_ptr<outlet_item> item) noexcept {
  auto* node = item.release();
  node->next = newest_.load(std::memory_order_relaxed);
  while (!newest_.compare_exchange_weak(node->next, node))
    ;
  // Counted behind the push, so that whoever sees the number finds the item. Exactly one of those
  // who tell, or the thread in `wake_at`, sees the number reach what was asked for.
  if (listed_.fetch_add(1) + 1 == wake_at_.load())
    wake();
}

std::unique_ptr<outlet_item> outlet::take_all() noexcept {
  auto* newest = newest_.exchange(nullptr);
  outlet_item* oldest = nullptr;
  int64_t count = 0;
  while (newest) {
    auto* before = std::exchange(newest->next, oldest);
    oldest = std::exchange(newest, before);
    ++count;
  }
  // An item may be taken before it is counted: the number is below zero until then.
  listed_.fetch_sub(count);
  return std::unique_ptr<outlet_item>{oldest};
}

std::unique_ptr<outlet_item> outlet::next(outlet_item& of) noexcept {
  return std::unique_ptr<outlet_item>{std::exchange(of.next, nullptr)};
}

void outlet::open(bool events, bool spans, uint64_t max_waiting) {
  if (!owned_wake_) {
    owned_wake_ = std::make_unique<const wake_up>(platform::open_wake_ends());
    wake_ = owned_wake_.get();
  }
  max_waiting_ = max_waiting;
  of(outlet_kind::event).open = events;
  of(outlet_kind::span).open = spans;
}

void outlet::left(outlet_kind kind, uint64_t bytes) noexcept {
  of(kind).queue.leave();
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

bool outlet::wake_at(int64_t count) noexcept {
  wake_at_ = count;
  return listed_.load() < count;
}

void outlet::wake() noexcept {
  if (const auto* up = wake_.load())
    up->set();
}

uint64_t outlet::lost(otlp_loss why) const noexcept {
  return losses_[static_cast<size_t>(why)].load(std::memory_order_relaxed);
}

uint64_t outlet::lost() const noexcept {
  uint64_t sum = 0;
  for (const auto& one : losses_)
    sum += one.load(std::memory_order_relaxed);
  return sum;
}

} // namespace proxy
