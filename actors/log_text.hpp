#pragma once

#include <spdlog/fmt/fmt.h>

#include <string_view>

#include "actors/log_line.hpp"

namespace proxy {

/// A text as a value of a log line: `key={}` with one of these. Nothing in it can end its quotes,
/// begin another key, or be taken for a number or a boolean.
struct log_text {
  std::string_view text;
  bool always_quoted = false; ///< Also where it is a plain word.
};

/// One that is always in quotes.
inline log_text quoted_text(std::string_view text) { return {text, true}; }

} // namespace proxy

template <>
struct fmt::formatter<proxy::log_text> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }

  template <class Context>
  auto format(const proxy::log_text& value, Context& context) const {
    auto out = context.out();
    auto quotes = value.always_quoted || !proxy::is_plain_word(value.text);
    if (quotes)
      *out++ = '"';
    for (auto c : value.text) {
      if (c == '"' || c == '\\')
        *out++ = '\\';
      *out++ = c;
    }
    if (quotes)
      *out++ = '"';
    return out;
  }
};
