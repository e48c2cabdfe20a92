#pragma once

#include <utility>

#include "actors/loop/system/network.hpp"

namespace proxy {

/// A descriptor on its way from one actor to another. Whoever takes it closes it; where nobody
/// does, as the other one has gone, it closes with the message.
class open_descriptor {
public:
  open_descriptor(network& of, int descriptor) noexcept : network_(of), fd_(descriptor) {}
  open_descriptor(const open_descriptor&) = delete;
  open_descriptor& operator=(const open_descriptor&) = delete;
  ~open_descriptor() {
    if (fd_ >= 0)
      network_.close(fd_);
  }

  [[nodiscard]] int take() noexcept { return std::exchange(fd_, -1); }

private:
  network& network_;
  int fd_;
};

} // namespace proxy
