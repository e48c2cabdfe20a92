#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "actors/loop/system/clock.hpp"

namespace proxy {

class timer_wheel;

/// Something that wants to be called once a moment has passed. Unlinks itself when destroyed.
class timer {
public:
  timer() = default;
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;
  virtual ~timer() { unlink(); }

  /// Called at or up to one tick after `expiry`. May destroy this object or arm it again.
  virtual void on_timer() = 0;

  [[nodiscard]] bool linked() const noexcept { return next_ != nullptr; }
  void unlink() noexcept;

private:
  friend class timer_wheel;
  timer* next_ = nullptr;
  timer* prev_ = nullptr;
  timer_wheel* wheel_ = nullptr;
  uint64_t tick_ = 0; ///< When it is next looked at.
  steady_time expiry_{};
};

/// A hashed timer wheel: arming, moving and disarming are O(1). Coarse on purpose: one tick is 16
/// ms.
///
/// A timer that moves to a later moment stays where it is and is moved when its old slot comes up,
/// so the deadline of a busy connection costs one store per request.
class timer_wheel {
public:
  static constexpr std::chrono::milliseconds tick{16};

  explicit timer_wheel(steady_time start) noexcept;

  /// Arms `t`, or moves it.
  void arm(timer& t, steady_time expiry) noexcept;

  /// Calls every timer that is due.
  void advance(steady_time now);

  /// How long a loop may sleep: until the next slot that holds a timer; negative when none does.
  [[nodiscard]] std::chrono::milliseconds sleep_for(steady_time now) const noexcept;

private:
  static constexpr size_t slots = 2048; ///< 32 s; later timers are looked at once a turn.

  struct head final : timer {
    void on_timer() override {}
  };

  [[nodiscard]] uint64_t tick_of(steady_time t) const noexcept;
  void link(timer& t, uint64_t at) noexcept;
  friend class timer;
  void emptied(uint64_t slot) noexcept;
  /// The first slot from this one on, going round, that holds a timer; `slots` when none does.
  [[nodiscard]] size_t next_used(size_t first) const noexcept;

  steady_time start_;
  uint64_t done_ = 0; ///< The last tick whose slot was looked at.
  std::array<head, slots> heads_;
  std::array<uint64_t, slots / 64> used_{}; ///< A bit a slot.
  uint32_t used_words_ = 0;                 ///< A bit a word of those.
  static_assert(slots / 64 == 32);
};

} // namespace proxy
