#pragma once

#include "actors/loop/system/clock.hpp"
#include "actors/loop/system/entropy.hpp"

namespace proxy::simulation {

/// Time that passes only when it is told to.
class made_up_time final : public clock {
public:
  [[nodiscard]] steady_time now() const noexcept override { return now_; }
  [[nodiscard]] wall_time wall() const noexcept override { return wall_; }

  /// Both clocks go on.
  void pass(std::chrono::nanoseconds span) noexcept {
    now_ += span;
    wall_ += std::chrono::duration_cast<wall_time::duration>(span);
  }
  /// Somebody sets the time of day, back too.
  void set_wall(wall_time to) noexcept { wall_ = to; }

private:
  // Not at the epoch: a moment of zero means "none" in many places.
  steady_time now_ = steady_time{} + std::chrono::hours{1};
  wall_time wall_ = wall_time{} + std::chrono::hours{24 * 365 * 57};
};

/// Numbers that follow from a seed, and are the same on every machine (splitmix64).
class made_up_chance final : public entropy {
public:
  explicit made_up_chance(uint64_t seed) noexcept : state_(seed) {}

  [[nodiscard]] uint64_t number() override {
    state_ += 0x9e3779b97f4a7c15;
    auto z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// @returns one of 0 … `count` - 1.
  [[nodiscard]] uint64_t below(uint64_t count) { return count == 0 ? 0 : number() % count; }
  /// @param of_a_million  How often of a million times it is true.
  [[nodiscard]] bool happens(uint32_t of_a_million) { return below(1'000'000) < of_a_million; }

private:
  uint64_t state_;
};

} // namespace proxy::simulation
