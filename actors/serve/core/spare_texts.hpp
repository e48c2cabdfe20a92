#pragma once

#include <string>
#include <utility>
#include <vector>

namespace proxy {

/// Strings that are empty and keep their memory, so that a short request allocates none for its
/// head. For one loop.
class spare_texts {
public:
  [[nodiscard]] std::string take() {
    if (kept_.empty())
      return {};
    auto text = std::move(kept_.back());
    kept_.pop_back();
    return text;
  }

  /// Keeps what is of use to others: not the memory of a long head.
  void give_back(std::string&& text) {
    auto owns_memory = text.capacity() > std::string{}.capacity();
    if (kept_.size() >= most || !owns_memory || text.capacity() > longest)
      return;
    text.clear();
    kept_.push_back(std::move(text));
  }

  static constexpr size_t most = 32;
  static constexpr size_t longest = 4096; ///< Bytes of one.

private:
  std::vector<std::string> kept_;
};

} // namespace proxy
