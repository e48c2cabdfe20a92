#include "protocols/http1/credentials.hpp"

#include <algorithm>
#include <cstdint>

#include "protocols/ascii.hpp"

namespace proxy::http1 {

namespace {

/// The six bits of a base64 digit (RFC 4648 §4), 64 for anything else.
unsigned base64_value(char c) noexcept {
  if (c >= 'A' && c <= 'Z')
    return static_cast<unsigned>(c - 'A');
  if (c >= 'a' && c <= 'z')
    return static_cast<unsigned>(c - 'a' + 26);
  if (ascii::is_digit(c))
    return static_cast<unsigned>(c - '0' + 52);
  return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/// Whole groups of four, padded at the end only. One text has one spelling: bits that stand for
/// nothing are 0.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0)
    return std::nullopt;
  size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(padding);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  unsigned have = 0;
  for (auto c : text) {
    auto value = base64_value(c);
    if (value > 63)
      return std::nullopt;
    bits = bits << 6 | value;
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>(bits >> have & 0xff);
    }
  }
  if ((bits & ((1u << have) - 1)) != 0)
    return std::nullopt;
  return out;
}

} // namespace

std::optional<std::string> decode_basic(std::string_view value) {
  constexpr std::string_view scheme = "Basic";
  if (value.size() <= scheme.size() ||
      !ascii::equals_ignoring_case(value.substr(0, scheme.size()), scheme) ||
      value[scheme.size()] != ' ')
    return std::nullopt;
  value.remove_prefix(scheme.size());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  auto text = decode_base64(value);
  if (text && text->find(':') == std::string::npos)
    return std::nullopt;
  return text;
}

} // namespace proxy::http1
