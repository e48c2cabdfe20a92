#include "actors/loop/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace proxy {

using std::chrono::ceil;
using std::chrono::floor;
using std::chrono::milliseconds;

void timer::unlink() noexcept {
  if (!next_)
    return;
  auto alone = next_ == prev_;
  prev_->next_ = next_;
  next_->prev_ = prev_;
  next_ = prev_ = nullptr;
  if (alone && wheel_)
    wheel_->emptied(tick_ % timer_wheel::slots);
}

timer_wheel::timer_wheel(steady_time start) noexcept : start_(start) {
  for (auto& h : heads_)
    h.next_ = h.prev_ = &h;
}

uint64_t timer_wheel::tick_of(steady_time t) const noexcept {
  auto since = ceil<milliseconds>(t - start_);
  return since.count() <= 0 ? 0 : static_cast<uint64_t>((since + tick - milliseconds{1}) / tick);
}

void timer_wheel::link(timer& t, uint64_t at) noexcept {
  auto slot = at % slots;
  auto& h = heads_[slot];
  t.wheel_ = this;
  t.tick_ = at;
  t.next_ = &h;
  t.prev_ = h.prev_;
  h.prev_->next_ = &t;
  h.prev_ = &t;
  used_[slot / 64] |= uint64_t{1} << (slot % 64);
  used_words_ |= uint32_t{1} << (slot / 64);
}

void timer_wheel::emptied(uint64_t slot) noexcept {
  auto& word = used_[slot / 64];
  word &= ~(uint64_t{1} << (slot % 64));
  if (word == 0)
    used_words_ &= ~(uint32_t{1} << (slot / 64));
}

void timer_wheel::arm(timer& t, steady_time expiry) noexcept {
  t.expiry_ = expiry;
  auto at = std::max(tick_of(expiry), done_ + 1);
  if (t.linked()) {
    if (t.tick_ <= at)
      return;
    t.unlink();
  }
  link(t, std::min(at, done_ + slots - 1));
}

void timer_wheel::advance(steady_time now) {
  auto since = floor<milliseconds>(now - start_);
  auto current = since.count() <= 0 ? 0 : static_cast<uint64_t>(since / tick);
  // After a long sleep every slot is looked at once, not once per missed turn.
  if (current > done_ + slots)
    done_ = current - slots;
  while (done_ < current) {
    auto slot = ++done_ % slots;
    if (!(used_[slot / 64] >> (slot % 64) & 1))
      continue;
    auto& h = heads_[slot];
    // A callback may arm timers; those land in later slots, so this ends.
    while (h.next_ != &h) {
      auto* t = h.next_;
      t->unlink();
      if (t->expiry_ > now)
        link(*t, std::min(std::max(tick_of(t->expiry_), done_ + 1), done_ + slots - 1));
      else
        t->on_timer();
    }
  }
}

size_t timer_wheel::next_used(size_t first) const noexcept {
  constexpr int words = slots / 64;
  auto word = static_cast<int>(first / 64);
  if (auto bits = used_[first / 64] >> (first % 64))
    return first + static_cast<size_t>(std::countr_zero(bits));
  // The words behind it, and then from the start: what is left of its own comes last.
  auto behind = std::rotr(used_words_, word + 1);
  if (behind == 0)
    return slots;
  auto next = static_cast<size_t>((word + 1 + std::countr_zero(behind)) % words);
  return next * 64 + static_cast<size_t>(std::countr_zero(used_[next]));
}

milliseconds timer_wheel::sleep_for(steady_time now) const noexcept {
  auto first = (done_ + 1) % slots;
  auto slot = next_used(first);
  if (slot == slots)
    return milliseconds{-1};
  auto ahead = (slot + slots - first) % slots;
  auto due = start_ + tick * static_cast<int64_t>(done_ + 1 + ahead);
  return std::max(milliseconds{0}, ceil<milliseconds>(due - now));
}

} // namespace proxy
