#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "protocols/ascii.hpp"

namespace proxy::ascii {

/// A word of the program text, of up to 32 letters.
template <size_t Size>
struct known_word {
  std::array<char, Size> letters{};

  // Not explicit: a literal is written where a word is asked for.
  consteval known_word(const char (&text)[Size + 1]) { std::copy_n(text, Size, letters.begin()); }
};

template <size_t N>
known_word(const char (&)[N]) -> known_word<N - 1>;

namespace detail {

/// Some bytes of a known word: what a text must be there once the bits that case decides are set.
template <class Number>
struct known_bytes {
  Number lower;
  Number case_bits;

  template <size_t Size>
  consteval known_bytes(const known_word<Size>& word, size_t at) {
    std::array<char, sizeof(Number)> letters, bits;
    for (size_t i = 0; i < sizeof(Number); ++i) {
      letters[i] = to_lower(word.letters[at + i]);
      bits[i] = is_alpha(letters[i]) ? 0x20 : 0;
    }
    lower = std::bit_cast<Number>(letters);
    case_bits = std::bit_cast<Number>(bits);
  }

  [[nodiscard]] bool are_at(const char* text) const noexcept {
    Number here;
    std::memcpy(&here, text, sizeof here);
    return static_cast<Number>(here | case_bits) == lower;
  }
};

/// Compares by numbers; the last one may cover some bytes for the second time.
template <class Number, known_word Word, size_t... Index>
[[nodiscard]] bool is_word(const char* text, std::index_sequence<Index...>) noexcept {
  constexpr auto at = [](size_t index) {
    return std::min(index * sizeof(Number), Word.letters.size() - sizeof(Number));
  };
  return (... && known_bytes<Number>(Word, at(Index)).are_at(text + at(Index)));
}

} // namespace detail

/// Whether a text is a word, whatever the case of its letters: as `equals_ignoring_case`, with all
/// that can be known before worked out by the compiler. `is<"content-length">(name)`
template <known_word Word>
[[nodiscard]] bool is(std::string_view text) noexcept {
  constexpr auto size = Word.letters.size();
  using number =
    std::conditional_t<(size >= 8), uint64_t, std::conditional_t<(size >= 4), uint32_t, uint8_t>>;
  constexpr auto count = (size + sizeof(number) - 1) / sizeof(number);
  return text.size() == size &&
         detail::is_word<number, Word>(text.data(), std::make_index_sequence<count>{});
}

} // namespace proxy::ascii
