#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace proxy {

/// How long something was waited for: a request, a look-up, a handshake. From a millisecond, which
/// is about what one turn of a loop takes, to a minute, which is longer than most deadlines.
struct wait_bounds {
  static constexpr std::array<uint64_t, 15> upper{
    1'000,   2'500,     5'000,     10'000,    25'000,     50'000,     100'000,   250'000,
    500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000};
  static constexpr double unit = 1e-6; ///< Of a value, in what the metric is told in: seconds.
};

/// How long something stayed open: from a tenth of a second to a day.
struct lifetime_bounds {
  static constexpr std::array<uint64_t, 10> upper{
    100'000,     1'000'000,   5'000'000,     15'000'000,     60'000'000,
    300'000'000, 900'000'000, 3'600'000'000, 14'400'000'000, 86'400'000'000};
  static constexpr double unit = 1e-6;
};

/// How many bytes moved: from a kilobyte to ten gigabytes.
struct size_bounds {
  static constexpr std::array<uint64_t, 8> upper{
    1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000, 10'000'000'000};
  static constexpr double unit = 1;
};

/// Values counted by how large they are, in buckets that are fixed when this is compiled, and their
/// sum. A plain number for each bucket: it belongs to one thread.
/// @tparam Bounds  `upper`: the largest value of each bucket but the last, ascending; `unit`: what
///                 one is worth where it is told.
template <class Bounds>
class histogram {
public:
  static constexpr size_t buckets = Bounds::upper.size() + 1;
  static_assert(std::ranges::is_sorted(Bounds::upper));

  /// Which bucket a value belongs to: as many steps as the number of buckets has bits, which the
  /// compiler writes out, and no branch that a value could make it guess wrong.
  [[nodiscard]] static constexpr size_t bucket_of(uint64_t value) noexcept {
    constexpr auto& upper = Bounds::upper;
    size_t below = 0; // so many bounds are smaller than the value
    for (auto step = std::bit_floor(upper.size()); step > 0; step /= 2)
      if (below + step <= upper.size())
        below += upper[below + step - 1] < value ? step : 0;
    return below;
  }

  void observe(uint64_t value) noexcept {
    ++counts_[bucket_of(value)];
    sum_ += value;
  }
  /// In microseconds; a time that went backwards counts as none.
  void observe(std::chrono::nanoseconds span) noexcept {
    auto whole = std::chrono::duration_cast<std::chrono::microseconds>(span).count();
    observe(static_cast<uint64_t>(std::max<decltype(whole)>(whole, 0)));
  }

  histogram& operator+=(const histogram& other) noexcept {
    for (size_t i = 0; i < buckets; ++i)
      counts_[i] += other.counts_[i];
    sum_ += other.sum_;
    return *this;
  }

  /// Each bucket by itself, not those below it as well.
  [[nodiscard]] std::span<const uint64_t, buckets> counts() const noexcept { return counts_; }
  [[nodiscard]] uint64_t count() const noexcept {
    uint64_t all = 0;
    for (auto n : counts_)
      all += n;
    return all;
  }
  /// Of all values, in units of theirs.
  [[nodiscard]] uint64_t sum() const noexcept { return sum_; }

private:
  std::array<uint64_t, buckets> counts_{};
  uint64_t sum_ = 0;
};

} // namespace proxy
