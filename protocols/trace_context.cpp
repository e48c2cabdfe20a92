#include "protocols/trace_context.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

namespace proxy {

namespace {

constexpr std::string_view layout = "00-00000000000000000000000000000000-0000000000000000-00";
constexpr size_t trace_at = 3, span_at = 36, flags_at = 53;

/// Of a digit in lower case, the only ones that are allowed; 16 for what is none.
constexpr uint8_t digit_value(char c) noexcept {
  if (c >= '0' && c <= '9')
    return static_cast<uint8_t>(c - '0');
  return c >= 'a' && c <= 'f' ? static_cast<uint8_t>(c - 'a' + 10) : uint8_t{16};
}

/// @pre `text` has two digits for each byte.
bool read_hex(std::string_view text, std::span<uint8_t> out) noexcept {
  for (size_t i = 0; i < out.size(); ++i) {
    auto high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
    if (high > 15 || low > 15)
      return false;
    out[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

void append_hex(std::string& out, std::span<const uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (auto byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
}

bool is_zero(std::span<const uint8_t> bytes) noexcept {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

/// Whether the version has this form: 00 and nothing behind it, or a later one, which may go on
/// behind a dash. ff is none.
bool has_form(std::string_view value, uint8_t version) noexcept {
  if (version == 0xff || value[trace_at - 1] != '-' || value[span_at - 1] != '-' ||
      value[flags_at - 1] != '-')
    return false;
  return value.size() == layout.size() || (version > 0 && value[layout.size()] == '-');
}

} // namespace

std::optional<trace_context> parse_traceparent(std::string_view value) noexcept {
  std::array<uint8_t, 1> version{}, flags{};
  trace_context out;
  if (value.size() < layout.size() || !read_hex(value, version) || !has_form(value, version[0]) ||
      !read_hex(value.substr(trace_at), out.trace) || !read_hex(value.substr(span_at), out.span) ||
      !read_hex(value.substr(flags_at), flags) || is_zero(out.trace) || is_zero(out.span))
    return std::nullopt;
  // What other flags of a later version mean is not known.
  out.flags = version[0] == 0 ? flags[0] : flags[0] & trace_context::sampled_flag;
  return out;
}

std::string traceparent(const trace_context& of) {
  std::string out = "00-";
  out.reserve(layout.size());
  append_hex(out, of.trace);
  out += '-';
  append_hex(out, of.span);
  out += '-';
  append_hex(out, std::array{of.flags});
  return out;
}

std::string to_hex(const trace_id& id) {
  std::string out;
  append_hex(out, id);
  return out;
}

std::string to_hex(const span_id& id) {
  std::string out;
  append_hex(out, id);
  return out;
}

} // namespace proxy
