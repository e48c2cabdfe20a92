#pragma once

#include <unistd.h>

#include <utility>

namespace proxy {

/// An accepted connection on its way from one shard to another. Whoever takes it closes it; when
/// nobody does, because the other shard drains or is gone, it closes with the message.
class accepted_socket {
public:
  explicit accepted_socket(int descriptor) noexcept : descriptor_(descriptor) {}
  accepted_socket(const accepted_socket&) = delete;
  accepted_socket& operator=(const accepted_socket&) = delete;
  ~accepted_socket() {
    if (descriptor_ >= 0)
      ::close(descriptor_);
  }

  [[nodiscard]] int take() noexcept { return std::exchange(descriptor_, -1); }

private:
  int descriptor_;
};

} // namespace proxy
