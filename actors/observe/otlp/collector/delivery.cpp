#include "actors/observe/otlp/collector/delivery.hpp"

#include <algorithm>

namespace proxy {

namespace {

/// The number of doublings after which a pause is the longest anyway.
constexpr uint32_t most_doublings = 5;
static_assert(delivery::first_pause * (1 << most_doublings) >= delivery::longest_pause);

constexpr bool may_pass(uint16_t status) noexcept {
  return status == 0 || status == 429 || (status >= 502 && status <= 504);
}

} // namespace

void delivery::begin(steady_time now) noexcept {
  begun_ = now;
  failures_ = 0;
}

void delivery::forget_pause() noexcept {
  not_before_ = steady_time::min();
  failures_ = 0;
}

next_step delivery::answered(const delivery_attempt& what, size_t items, steady_time now) noexcept {
  if (what.status >= 200 && what.status < 300) {
    not_before_ = steady_time::min();
    return next_step::settled;
  }
  if (what.status == 413 && items > 1)
    return next_step::halve;
  if (!may_pass(what.status))
    return next_step::give_up;
  not_before_ = now + pause(what);
  ++failures_;
  auto in_time = not_before_ <= begun_ + patience && not_before_ < limit_;
  return in_time ? next_step::again : next_step::too_late;
}

std::chrono::milliseconds delivery::pause(const delivery_attempt& what) noexcept {
  if (what.retry_after)
    return std::clamp<std::chrono::milliseconds>(*what.retry_after, std::chrono::milliseconds{0},
                                                 longest_pause);
  auto whole = std::min(first_pause * (1 << std::min(failures_, most_doublings)), longest_pause);
  auto half = whole / 2;
  return half +
         std::chrono::milliseconds{chance_.number() % (static_cast<uint64_t>(half.count()) + 1)};
}

} // namespace proxy
