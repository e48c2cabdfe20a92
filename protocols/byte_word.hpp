#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

/// Eight bytes of a text, looked at in one go. What the tests return has high bits set where a byte
/// fits: it is exact in whether there is one, and in which is the first (a borrow may add later
/// ones).
namespace proxy::byte_word {

inline constexpr size_t size = sizeof(uint64_t);

/// The first byte is the lowest, whatever the machine's order is.
[[nodiscard]] inline uint64_t load(const char* bytes) noexcept {
  uint64_t word;
  std::memcpy(&word, bytes, size);
  return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

[[nodiscard]] constexpr uint64_t each(uint8_t byte) noexcept { return 0x0101010101010101U * byte; }

inline constexpr uint64_t high_bits = each(0x80);

/// @param limit  At most 0x80.
[[nodiscard]] constexpr uint64_t below(uint64_t word, uint8_t limit) noexcept {
  return (word - each(limit)) & ~word & high_bits;
}

[[nodiscard]] constexpr uint64_t equal(uint64_t word, uint8_t byte) noexcept {
  return below(word ^ each(byte), 1);
}

/// The letters A to Z in lower case, all else as it is.
[[nodiscard]] constexpr uint64_t to_lower(uint64_t word) noexcept {
  auto low_bits = word & ~high_bits;
  auto from_a = low_bits + each(0x80 - 'A'); // the high bit of a byte: 'A', or behind it
  auto after_z = low_bits + each(0x7f - 'Z');
  auto capitals = (from_a ^ after_z) & ~word & high_bits;
  return word | capitals >> 2;
}

/// The place of the first byte that fits. @pre found != 0
[[nodiscard]] constexpr size_t first(uint64_t found) noexcept {
  return static_cast<size_t>(std::countr_zero(found)) / 8;
}

} // namespace proxy::byte_word
