#pragma once

#include <string>
#include <string_view>

namespace proxy::simulation {

/// Bytes that are put in at the back and taken at the front; to take a few out of many costs only
/// what was taken.
class byte_queue {
public:
  [[nodiscard]] bool empty() const noexcept { return view().empty(); }
  [[nodiscard]] size_t size() const noexcept { return view().size(); }
  [[nodiscard]] std::string_view view() const noexcept {
    return std::string_view{bytes_}.substr(taken_);
  }
  void append(std::string_view bytes) { bytes_ += bytes; }
  /// @param size  At most `size()`.
  void remove(size_t size) {
    taken_ += size;
    if (taken_ * 2 < bytes_.size())
      return;
    bytes_.erase(0, taken_); // moves no more than has been taken since the last time
    taken_ = 0;
  }

private:
  std::string bytes_;
  size_t taken_ = 0; ///< Of them.
};

} // namespace proxy::simulation
