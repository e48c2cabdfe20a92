#pragma once

#include <unistd.h>

#include <cstdint>
#include <stdexcept>

namespace proxy {

/// A descriptor that any thread can make readable, for a loop that waits on it.
struct wake_ends {
  int read = -1;
  int write = -1;
};

/// The same, owned.
class wake_up {
public:
  /// @throws std::runtime_error without descriptors.
  explicit wake_up(wake_ends ends) : ends_(ends) {
    if (ends_.read < 0)
      throw std::runtime_error("no descriptors left for an event loop");
  }
  wake_up(const wake_up&) = delete;
  wake_up& operator=(const wake_up&) = delete;
  ~wake_up() {
    ::close(ends_.read);
    if (ends_.write != ends_.read)
      ::close(ends_.write);
  }

  [[nodiscard]] int descriptor() const noexcept { return ends_.read; }
  void set() const noexcept {
    uint64_t one = 1;
    // EAGAIN means that it is set already.
    [[maybe_unused]] auto n = ::write(ends_.write, &one, sizeof one);
  }
  void reset() const noexcept {
    char buffer[64]; // its value says nothing
    while (::read(ends_.read, buffer, sizeof buffer) > 0 && ends_.read != ends_.write) {
    }
  }

private:
  wake_ends ends_;
};

} // namespace proxy
