#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/telemetry.hpp"

namespace proxy {

/// What a collector says of a request that it took (OTLP, "Partial Success"): of every signal, the
/// message has the same form.
struct partial_success {
  uint64_t rejected = 0; ///< Items that it did not take, for ever.
  std::string words;     ///< Why, at most `longest_words` of it; "" for nothing.
  static constexpr size_t longest_words = 256;
  friend bool operator==(const partial_success&, const partial_success&) = default;
};

/// Reads the body of an answer 200. What cannot be read says nothing: the status alone says that
/// the request was taken.
/// @param encoding  Of the request, which is that of the answer.
[[nodiscard]] partial_success decode_partial_success(std::string_view body,
                                                     config::otlp_encoding encoding);

} // namespace proxy
