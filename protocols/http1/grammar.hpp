#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocols/ascii.hpp"
#include "protocols/http1/message.hpp"

namespace proxy::http1 {

/// Most options in all Connection lines of a head: each costs a look at every field.
inline constexpr size_t max_connection_options = 32;

/// The characters of a token (RFC 9110 §5.6.2): methods and field names.
inline constexpr auto token_chars = [] {
  std::array<bool, 256> table{};
  for (char c : std::string_view{"!#$%&'*+-.^_`|~"})
    table[static_cast<unsigned char>(c)] = true;
  for (int c = 0; c < 128; ++c)
    table[static_cast<size_t>(c)] |=
      ascii::is_digit(static_cast<char>(c)) || ascii::is_alpha(static_cast<char>(c));
  return table;
}();

[[nodiscard]] inline bool is_token_char(char c) noexcept {
  return token_chars[static_cast<unsigned char>(c)];
}

/// Whether two field names become one where a server hands them on as variables (RFC 3875 §4.1.18:
/// CGI, FastCGI, WSGI, Rack): case and whatever is no letter or digit make no difference there, so
/// that `X_Scope` and `x-scope` are one name.
[[nodiscard]] constexpr bool same_variable(std::string_view left, std::string_view right) noexcept {
  auto folded = [](char c) {
    return ascii::is_alpha(c) || ascii::is_digit(c) ? ascii::to_lower(c) : '_';
  };
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(),
                    [&](char a, char b) { return folded(a) == folded(b); });
}

/// Whether `text` holds no control character but tabs: what may stand in a field value, a reason
/// phrase or a chunk extension (RFC 9110 §5.5, obs-text included).
[[nodiscard]] bool is_field_text(std::string_view text) noexcept;

/// Whether `text` is not empty and holds visible ASCII only, as a request target must (RFC 3986
/// §2).
[[nodiscard]] bool is_visible_ascii(std::string_view text) noexcept;

/// Takes a field line apart (RFC 9112 §5), given without its CRLF.
/// @returns nullptr and `out` filled, or what is wrong with the line.
[[nodiscard]] const char* split_field_line(std::string_view line, field& out) noexcept;

/// The number in a Content-Length field: digits only, up to 2^63 - 1 (RFC 9110 §8.6).
[[nodiscard]] std::optional<uint64_t> parse_content_length(std::string_view value) noexcept;

/// Calls `visit` with each element of a comma-separated list, empty ones left out (RFC 9110
/// §5.6.1).
template <class Visit>
void for_each_element(std::string_view list, Visit&& visit) {
  while (!list.empty()) {
    auto comma = list.find(',');
    if (auto element = ascii::trim(list.substr(0, comma)); !element.empty())
      visit(element);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
}

} // namespace proxy::http1
