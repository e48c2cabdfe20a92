#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>

#include "actors/loop/system/sockaddr.hpp"

namespace proxy {

/// Room for what one call receives. One per shard: its contents are valid until the next call.
///
/// A slot is large enough for what the kernel hands over as one: the longest datagram, or a row of
/// datagrams of one sender that it has put together (UDP_GRO).
class datagram_buffer {
public:
  static constexpr size_t slots = 16;
  static constexpr size_t slot_size = 64 * 1024;

  datagram_buffer() : bytes_(new char[slots * slot_size]) {}

  /// One datagram.
  struct item {
    std::string_view bytes;
    const ip_sockaddr* from;
  };
  /// Calls `use(item)` for each datagram received, in order.
  template <class Use>
  void each(Use use) const {
    for (size_t i = 0; i < used_; ++i) {
      std::string_view all{slot(i), slots_[i].size};
      auto step = slots_[i].segment == 0 ? all.size() : slots_[i].segment;
      do {
        use(item{all.substr(0, step), &slots_[i].from});
        all.remove_prefix(std::min(step, all.size()));
      } while (!all.empty());
    }
  }

  // -- for who fills it --

  /// What stands in a slot.
  struct row {
    size_t size = 0;
    size_t segment = 0; ///< Size of each datagram but the last; 0: there is one.
    ip_sockaddr from;
  };
  [[nodiscard]] row& at(size_t i) noexcept { return slots_[i]; }
  [[nodiscard]] char* slot(size_t i) const noexcept { return bytes_.get() + i * slot_size; }
  /// So many slots are filled.
  void fill(size_t count) noexcept { used_ = count; }

private:
  std::unique_ptr<char[]> bytes_;
  row slots_[slots];
  size_t used_ = 0;
};

} // namespace proxy
