#include "protocols/http1/grammar.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

namespace proxy::http1 {

namespace {

constexpr uint64_t each_byte = 0x0101010101010101;
constexpr uint64_t high_bits = each_byte * 0x80;

/// Whether one of eight bytes is below 0x20 or is 0x7f. Every byte of a head passes here, so they
/// are looked at eight at a time.
bool has_control(uint64_t word) noexcept {
  auto below_space = (word - each_byte * 0x20) & ~word;
  auto delete_as_zero = word ^ each_byte * 0x7f;
  auto is_delete = (delete_as_zero - each_byte) & ~delete_as_zero;
  return ((below_space | is_delete) & high_bits) != 0;
}

bool is_text_char(char c) noexcept {
  return static_cast<unsigned char>(c) >= 0x20 ? c != 0x7f : c == '\t';
}

} // namespace

bool is_field_text(std::string_view text) noexcept {
  for (; text.size() >= sizeof(uint64_t); text.remove_prefix(sizeof(uint64_t))) {
    uint64_t word;
    std::memcpy(&word, text.data(), sizeof(word));
    // A hit may be a tab, which is allowed.
    if (has_control(word) && !std::ranges::all_of(text.substr(0, sizeof(word)), is_text_char))
      return false;
  }
  return std::ranges::all_of(text, is_text_char);
}

bool is_visible_ascii(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
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
