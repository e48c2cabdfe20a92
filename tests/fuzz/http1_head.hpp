#pragma once

#include <string_view>

#include "protocols/http1/decode.hpp"
#include "protocols/http1/grammar.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace proxy::fuzz {

inline constexpr http1::head_limits limits{.max_bytes = 4096, .max_fields = 32};
/// A head that was rewritten may have become a little longer.
inline constexpr http1::head_limits wider{.max_bytes = 16 * 1024, .max_fields = 48};

/// The head at the front of `in`, whose end is looked for byte by byte and must be found where it
/// is found at once. Empty while there is none.
inline std::string_view cut_head(std::string_view in) {
  auto whole = http1::find_head_end(in);
  for (size_t end = 0; end <= in.size(); ++end) {
    exact_copy come{in.substr(0, end)};
    auto found = http1::find_head_end(come.view(), end == 0 ? 0 : end - 1);
    if (!found)
      continue;
    require(*found == end, "a head ends with its last byte");
    // Too many empty lines are cut where they are noticed, which is for the decoder to refuse.
    require(whole && (*whole == end || in.find_first_not_of("\r\n") >= *whole), "found alike");
    return in.substr(0, end);
  }
  require(!whole, "no end is found in a head without one");
  return {};
}

inline void check_fields(const http1::head& h, std::string_view in) {
  require(h.fields.size() <= limits.max_fields, "the number of fields has a limit");
  for (auto& f : h.fields) {
    require(!f.name.empty() && std::ranges::all_of(f.name, http1::is_token_char), "a name is one");
    require(http1::is_field_text(f.value) && ascii::trim(f.value).size() == f.value.size(),
            "a value is one");
    require(f.name.data() >= in.data() && f.value.data() + f.value.size() <= in.data() + in.size(),
            "a view lies in its buffer");
  }
}

/// Whether the bodies behind two heads are delimited alike.
inline bool framed_alike(const http1::head& a, const http1::head& b) {
  return a.body == b.body &&
         (a.body != http1::framing::length || a.content_length == b.content_length);
}

} // namespace proxy::fuzz
