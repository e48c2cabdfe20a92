#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "actors/loop/system/clock.hpp"
#include "actors/loop/system/entropy.hpp"

namespace proxy {

/// What came of one request to the collector.
struct delivery_attempt {
  uint16_t status = 0; ///< Of its answer; 0: none came.
  /// How long it asks to be left alone (RFC 9110 §10.2.3).
  std::optional<std::chrono::seconds> retry_after;
};

/// What follows from it.
enum class next_step : uint8_t {
  settled, ///< It was taken.
  again,   ///< The same once more, not before `delivery::not_before`.
  halve,   ///< Half of it, at once.
  give_up, ///< It never is: lost.
  too_late ///< It may be, but not in time: lost.
};

/// When a batch is sent, and sent again: the rules of OTLP/HTTP (its specification, "Failures"),
/// for one signal. Knows no clock and no socket.
///
/// Answers 2xx settle a batch. 429, 502, 503, 504 and no answer at all are tried again, after a
/// pause that doubles and that chance shortens by up to a half, so that many proxies do not come at
/// the same moment. An answer 413 halves what is sent. Any other answer, a redirect too, is final.
class delivery {
public:
  static constexpr std::chrono::milliseconds first_pause{1'000};
  /// Also of those that a collector asks for.
  static constexpr std::chrono::milliseconds longest_pause{30'000};
  /// From the first attempt on; then the batch is lost.
  static constexpr std::chrono::milliseconds patience{120'000};

  explicit delivery(entropy& chance) noexcept : chance_(chance) {}

  /// A new batch is sent for the first time.
  void begin(steady_time now) noexcept;
  /// @param items  In what was sent.
  [[nodiscard]] next_step answered(const delivery_attempt& what, size_t items,
                                   steady_time now) noexcept;
  /// The earliest time of the next attempt.
  [[nodiscard]] steady_time not_before() const noexcept { return not_before_; }

  /// Another collector: nothing is known of it.
  void forget_pause() noexcept;
  /// No attempt begins after this.
  void end_by(steady_time limit) noexcept { limit_ = limit; }

private:
  [[nodiscard]] std::chrono::milliseconds pause(const delivery_attempt& what) noexcept;

  entropy& chance_;
  steady_time begun_{};
  steady_time not_before_ = steady_time::min();
  steady_time limit_ = steady_time::max();
  uint32_t failures_ = 0; ///< In a row.
};

} // namespace proxy
