#pragma once

#include <optional>

#include "protocols/decode.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace proxy::fuzz {

/// Decodes `in` whole and byte by byte, which must come to the same at the same byte.
template <class T>
std::optional<decoded<T>> decode(decode_result<T> (*by)(std::string_view), std::string_view in) {
  auto whole = by(in);
  for (size_t end = 0; end <= in.size(); ++end) {
    exact_copy come{in.substr(0, end)};
    auto part = by(come.view());
    if (!part) {
      require(!whole && code_of(part.error()) == code_of(whole.error()), "refused alike");
      return std::nullopt;
    }
    if (!*part)
      continue;
    require(whole && *whole, "what a prefix decodes to stands");
    require((*part)->size == end && (*whole)->size == end, "decoded with its last byte");
    require((*part)->value == (*whole)->value, "decoded alike");
    return std::move(*whole);
  }
  require(whole && !*whole, "waits for more");
  return std::nullopt;
}

} // namespace proxy::fuzz
