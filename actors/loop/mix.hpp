#pragma once

#include <cstdint>

namespace proxy {

/// A bijection on 64 bits that spreads what is alike: counted ids neither repeat nor tell how many
/// there were, neighbours fall into different places of a table.
[[nodiscard]] constexpr uint64_t mix(uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

} // namespace proxy
