#include "actors/observe/otlp/encoding/message.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "protocols/plain_text.hpp"
#include "protocols/utf8.hpp"

namespace proxy::otlp {

std::string_view valid_utf8(std::string_view text, std::string& scratch) {
  auto rest = text;
  auto whole = true;
  while (whole && !rest.empty()) {
    auto size = plain_prefix(rest);
    if (size == 0)
      size = utf8_length(rest);
    whole = size > 0;
    rest.remove_prefix(size);
  }
  if (whole)
    return text;
  scratch.assign(text, 0, text.size() - rest.size());
  while (!rest.empty()) {
    auto size = utf8_length(rest);
    if (size == 0) {
      scratch += "\xef\xbf\xbd";
      size = 1;
    } else {
      scratch.append(rest.substr(0, size));
    }
    rest.remove_prefix(size);
  }
  return scratch;
}

void json_message::append(double value) {
  // What no number of JSON says is text (protobuf's mapping to JSON).
  if (std::isnan(value)) {
    out_ += "\"NaN\"";
  } else if (std::isinf(value)) {
    out_ += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    std::array<char, 32> digits{}; // the longest is 24
    auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out_.append(digits.data(), end);
  }
}

} // namespace proxy::otlp
