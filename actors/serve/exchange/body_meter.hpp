#pragma once

#include <cstdint>
#include <string>

#include "actors/loop/timer_wheel.hpp"
#include "config/proxy_config.hpp"

namespace proxy {

/// Tells whether a body moves slower than `limits.min_body_rate` over `timeouts.slow_body`. Looks
/// only when its flow waits anyway, and costs neither timer nor call.
class body_meter {
public:
  body_meter(const config::proxy_config& config, steady_time now) noexcept
    : window_(config.timeouts.slow_body),
      least_(config.limits.min_body_rate * static_cast<uint64_t>(window_.count()) / 1000),
      since_(now) {}

  /// Nothing is due now: what comes is measured from here on.
  void rest(steady_time now, uint64_t moved) noexcept {
    since_ = now;
    moved_ = moved;
  }
  /// @param moved  Bytes so far. @returns false when too few of them came in time.
  [[nodiscard]] bool keeps_up(steady_time now, uint64_t moved) noexcept {
    if (least_ == 0 || now - since_ < window_)
      return true;
    auto came = moved - moved_;
    rest(now, moved);
    return came >= least_;
  }
  /// When to look again.
  [[nodiscard]] steady_time next_look() const noexcept {
    return least_ == 0 ? steady_time::max() : since_ + window_;
  }

private:
  std::chrono::milliseconds window_;
  uint64_t least_; ///< Bytes in a window; 0: no matter how few.
  steady_time since_;
  uint64_t moved_ = 0; ///< At that time.
};

/// The keys that were met, with their values: "limits.min_body_rate = 100 over timeouts.slow_body =
/// 1m".
[[nodiscard]] std::string slow_body_keys(const config::proxy_config& config);

} // namespace proxy
