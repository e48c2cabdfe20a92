#pragma once

#include <cstddef>
#include <vector>

#include "actors/loop/system/pipe_ends.hpp"

namespace proxy {

class network;

/// Empty pipes for reuse: a tunnel borrows one only while bytes are in flight.
class pipe_pool {
public:
  explicit pipe_pool(network& of) noexcept : network_(of) {}
  pipe_pool(const pipe_pool&) = delete;
  pipe_pool& operator=(const pipe_pool&) = delete;
  ~pipe_pool();

  /// How much one pipe holds at most, in bytes, as far as the kernel agrees.
  static constexpr size_t capacity = 1 << 20;

  /// @returns no pipe when descriptors have run out or the platform cannot splice: copy instead.
  [[nodiscard]] pipe_ends borrow();
  /// Gives back an empty pipe.
  void give_back(pipe_ends empty);
  /// Ends a pipe that still holds bytes.
  void discard(pipe_ends used) noexcept;

private:
  static constexpr size_t max_kept = 64;
  network& network_;
  std::vector<pipe_ends> kept_;
};

} // namespace proxy
