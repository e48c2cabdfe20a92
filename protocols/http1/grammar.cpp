#include "protocols/http1/grammar.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "protocols/byte_word.hpp"

namespace proxy::http1 {

namespace {

/// Bytes below 0x20, and 0x7f. Every byte of a head passes here, so they are looked at eight at a
/// time.
uint64_t controls(uint64_t word) noexcept {
  return byte_word::below(word, 0x20) | byte_word::equal(word, 0x7f);
}

bool is_text_char(char c) noexcept {
  return static_cast<unsigned char>(c) >= 0x20 ? c != 0x7f : c == '\t';
}

} // namespace

bool is_field_text(std::string_view text) noexcept {
  for (; text.size() >= byte_word::size; text.remove_prefix(byte_word::size))
    // A hit may be a tab, which is allowed.
    if (controls(byte_word::load(text.data())) &&
        !std::ranges::all_of(text.substr(0, byte_word::size), is_text_char))
      return false;
  return std::ranges::all_of(text, is_text_char);
}

bool is_visible_ascii(std::string_view text) noexcept {
  if (text.empty())
    return false;
  for (; text.size() >= byte_word::size; text.remove_prefix(byte_word::size)) {
    auto word = byte_word::load(text.data());
    if (controls(word) | byte_word::equal(word, ' ') | (word & byte_word::high_bits))
      return false;
  }
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

const char* split_field_line(std::string_view line, field& out) noexcept {
  if (!line.empty() && ascii::is_blank(line[0]))
    return "folded field line";
  size_t colon = 0;
  while (colon < line.size() && is_token_char(line[colon]))
    ++colon;
  if (colon == line.size() || line[colon] != ':')
    return colon < line.size() && ascii::is_blank(line[colon]) ? "space before the colon"
                                                               : "bad field name";
  if (colon == 0)
    return "empty field name";
  out.name = line.substr(0, colon);
  out.value = ascii::trim(line.substr(colon + 1));
  return is_field_text(out.value) ? nullptr : "control character in a field value";
}

std::optional<uint64_t> parse_content_length(std::string_view value) noexcept {
  uint64_t length = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  // Nobody counts in unsigned 64 bits everywhere: a larger number means different things to
  // different readers.
  if (error != std::errc{} || end != value.data() + value.size() ||
      length > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    return std::nullopt;
  return length;
}

} // namespace proxy::http1
