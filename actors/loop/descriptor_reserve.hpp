#pragma once

#include <cstddef>
#include <vector>

namespace proxy {

/// Descriptors that stand for nothing: given up one by one when there are no others, so that
/// whoever comes then can be told so. For one thread.
class descriptor_reserve {
public:
  descriptor_reserve() = default; ///< Holds nothing.
  descriptor_reserve(const descriptor_reserve&) = delete;
  descriptor_reserve& operator=(const descriptor_reserve&) = delete;
  ~descriptor_reserve();

  /// Holds so many from now on, as far as there are any.
  void hold(size_t count);
  /// Gives one up for whoever asks for a descriptor next. @returns false when there is none left.
  [[nodiscard]] bool give_up() noexcept;
  /// Takes back what was given up, as far as there are descriptors again.
  void refill() {
    if (held_.size() < count_)
      hold(count_);
  }

private:
  std::vector<int> held_;
  size_t count_ = 0;
};

} // namespace proxy
