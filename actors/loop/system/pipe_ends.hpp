#pragma once

namespace proxy {

/// A pipe that carries bytes from one socket to another without copying them. Both ends -1: none.
struct pipe_ends {
  int read = -1;
  int write = -1;
  [[nodiscard]] explicit operator bool() const noexcept { return read >= 0; }
};

} // namespace proxy
