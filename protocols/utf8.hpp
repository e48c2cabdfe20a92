#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace proxy {

/// Follows UTF-8 (RFC 3629) byte by byte, strictly: no overlong forms, no surrogates, nothing
/// beyond U+10FFFF.
class utf8_decoder {
public:
  /// Takes the next byte. @returns false when it cannot stand here; the decoder is of no more use
  /// then.
  [[nodiscard]] constexpr bool take(unsigned char byte) noexcept {
    if (left_ > 0) {
      if (byte < low_ || byte > high_)
        return false;
      low_ = 0x80;
      high_ = 0xBF;
      code_ = code_ << 6 | (byte & 0x3F);
      --left_;
      return true;
    }
    return begin(byte);
  }

  /// No character is cut short.
  [[nodiscard]] constexpr bool whole() const noexcept { return left_ == 0; }
  /// The character that ended with the last byte. @pre whole()
  [[nodiscard]] constexpr char32_t character() const noexcept { return code_; }

private:
  constexpr bool begin(unsigned char byte) noexcept {
    if (byte < 0x80) {
      code_ = byte;
      return true;
    }
    if (byte < 0xC2 || byte > 0xF4) // a byte from within, or the begin of an overlong form
      return false;
    left_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    code_ = byte & (0x3FU >> left_);
    low_ = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    high_ = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    return true;
  }

  char32_t code_ = 0;
  uint8_t left_ = 0;   ///< Bytes that the character still lacks.
  uint8_t low_ = 0x80; ///< What the next of them may be.
  uint8_t high_ = 0xBF;
};

/// Bytes of the character at the start of a text, 0 when there is none.
[[nodiscard]] constexpr size_t utf8_length(std::string_view text) noexcept {
  utf8_decoder decoder;
  for (size_t size = 0; size < text.size();) {
    if (!decoder.take(static_cast<unsigned char>(text[size++])))
      return 0;
    if (decoder.whole())
      return size;
  }
  return 0;
}

} // namespace proxy
