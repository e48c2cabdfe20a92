#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "protocols/byte_word.hpp"

namespace proxy::ascii {

/// What <cctype> offers, without locales, for ASCII only, and usable at compile time.
[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

[[nodiscard]] constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

[[nodiscard]] constexpr bool is_alpha(char c) noexcept {
  return to_lower(c) >= 'a' && to_lower(c) <= 'z';
}

[[nodiscard]] constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

[[nodiscard]] constexpr bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// The value of a digit in any base up to 16, or 16 when `c` is none.
[[nodiscard]] constexpr unsigned digit_value(char c) noexcept {
  if (is_digit(c))
    return static_cast<unsigned>(c - '0');
  auto lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a' + 10) : 16;
}

[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view left,
                                                  std::string_view right) noexcept {
  auto size = left.size();
  // Most differ here: letters that are the same but for case differ in one bit alone.
  if (size != right.size() || (size > 0 && ((left[0] ^ right[0]) & ~0x20) != 0))
    return false;
  if (size < byte_word::size || std::is_constant_evaluated())
    return std::equal(left.begin(), left.end(), right.begin(),
                      [](char a, char b) { return to_lower(a) == to_lower(b); });
  auto same_at = [&](size_t at) {
    return byte_word::to_lower(byte_word::load(left.data() + at)) ==
           byte_word::to_lower(byte_word::load(right.data() + at));
  };
  for (size_t at = 0; at + byte_word::size < size; at += byte_word::size)
    if (!same_at(at))
      return false;
  return same_at(size - byte_word::size); // what is left, and some of what was before
}

/// One of the bytes that the characters stand for.
[[nodiscard]] constexpr uint8_t byte_at(std::string_view in, size_t at) noexcept {
  return static_cast<uint8_t>(in[at]);
}

/// `text` without the spaces and tabs around it.
[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back()))
    text.remove_suffix(1);
  return text;
}

} // namespace proxy::ascii
