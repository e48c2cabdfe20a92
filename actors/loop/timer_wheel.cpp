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
}

void timer_wheel::emptied(uint64_t slot) noexcept {
  used_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
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

milliseconds timer_wheel::sleep_for(steady_time now) const noexcept {
  auto first = (done_ + 1) % slots;
  for (size_t i = 0; i <= slots / 64; ++i) {
    auto word = (first / 64 + i) % (slots / 64);
    auto bits = used_[word];
    if (i == 0)
      bits &= ~uint64_t{0} << (first % 64);
    else if (i == slots / 64)
      bits &= ~(~uint64_t{0} << (first % 64));
    if (bits == 0)
      continue;
    auto slot = word * 64 + static_cast<size_t>(std::countr_zero(bits));
    auto ahead = (slot + slots - first) % slots;
    auto due = start_ + tick * static_cast<int64_t>(done_ + 1 + ahead);
    return std::max(milliseconds{0}, ceil<milliseconds>(due - now));
  }
  return milliseconds{-1};
}

} // namespace proxy
