#pragma once

#include <cstddef>
#include <vector>

#include "actors/loop/system/network.hpp"

namespace proxy {

/// Descriptors that stand for nothing: given up one by one when there are no others, so that
/// whoever comes then can be told so. For one thread.
class descriptor_reserve {
public:
  /// Holds nothing yet. @param of  Outlives this.
  explicit descriptor_reserve(network& of) noexcept : network_(of) {}
  descriptor_reserve(const descriptor_reserve&) = delete;
  descriptor_reserve& operator=(const descriptor_reserve&) = delete;
  ~descriptor_reserve();

  /// Holds so many from now on, as far as there are any.
  void hold(size_t count);
  /// Gives one up for whoever asks for a descriptor next. @returns false when there is none left.
  [[nodiscard]] bool give_up() noexcept;
  /// Something was given up, and not taken back.
  [[nodiscard]] bool is_short() const noexcept { return held_.size() < count_; }
  /// Takes back what was given up, as far as there are descriptors again.
  void refill() {
    if (is_short())
      hold(count_);
  }

private:
  network& network_;
  std::vector<int> held_;
  size_t count_ = 0;
};

} // namespace proxy
