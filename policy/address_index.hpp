#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "policy/domain_pattern.hpp"
#include "policy/ip_class.hpp"

namespace proxy::policy {

/// Patterns about addresses, sorted by prefix length, longest first: a look-up is one binary search
/// for each length in use, and allocates nothing. Part of `pattern_set`.
class address_index {
public:
  struct entry {
    ip_network network;
    uint32_t rule;
    uint16_t port = 0;       ///< 0: every port.
    bool is_literal = false; ///< Written as an address, not as a prefix.
    bool is_local = false;   ///< Wholly inside non-public space.
    std::string scope;       ///< "": every zone.
    bool is_carried = false; ///< What the pattern carries (`embedded_v4`), not what it says.
  };

  /// Also files the v4 prefix that a v6 one carries, marked as such.
  /// @pre pattern is an address or a network.
  void add(const domain_pattern& pattern, uint32_t rule);

  /// Call once, after the last `add`.
  void sort();

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

  /// The first entry around an address, longest prefix first, that `fits` accepts; nullptr when
  /// none is.
  template <class Fits>
  [[nodiscard]] const entry* find(const ip_address& address, uint16_t port,
                                  Fits fits) const noexcept {
    for (auto& length : address.is_v4() ? v4_ : v6_) {
      auto base = masked(address, length.bits);
      auto end = entries_.begin() + length.end;
      auto at =
        std::lower_bound(entries_.begin() + length.begin, end, base,
                         [](const entry& e, const ip_address& b) { return e.network.base < b; });
      for (; at != end && at->network.base == base; ++at)
        if ((at->port == 0 || at->port == port) && fits(*at))
          return &*at;
    }
    return nullptr;
  }

private:
  /// The entries of one family and prefix length.
  struct group {
    uint8_t bits;
    std::ptrdiff_t begin;
    std::ptrdiff_t end;
  };

  std::vector<entry> entries_;
  std::vector<group> v4_;
  std::vector<group> v6_;
};

} // namespace proxy::policy
