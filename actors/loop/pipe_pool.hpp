#pragma once

#include <cstddef>
#include <vector>

namespace proxy {

/// A pipe that carries bytes from one socket to another without copying them. Both ends -1: none.
struct pipe_ends {
  int read = -1;
  int write = -1;
  [[nodiscard]] explicit operator bool() const noexcept { return read >= 0; }
};

/// Empty pipes for reuse: a tunnel borrows one only while bytes are in flight.
class pipe_pool {
public:
  pipe_pool() = default;
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
  static void discard(pipe_ends used) noexcept;

private:
  static constexpr size_t max_kept = 64;
  std::vector<pipe_ends> kept_;
};

} // namespace proxy
