#include "actors/loop/descriptor_reserve.hpp"

namespace proxy {

descriptor_reserve::~descriptor_reserve() {
  for (auto fd : held_)
    network_.close(fd);
}

void descriptor_reserve::hold(size_t count) {
  count_ = count;
  while (held_.size() < count_) {
    auto fd = network_.open_spare();
    if (fd < 0)
      return;
    held_.push_back(fd);
  }
}

bool descriptor_reserve::give_up() noexcept {
  if (held_.empty())
    return false;
  network_.close(held_.back());
  held_.pop_back();
  return true;
}

} // namespace proxy
