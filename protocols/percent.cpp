#include "protocols/percent.hpp"

#include "protocols/ascii.hpp"

namespace proxy {

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = text[i];
    if (c == '%') {
      if (text.size() - i < 3)
        return std::nullopt;
      auto high = ascii::digit_value(text[i + 1]);
      auto low = ascii::digit_value(text[i + 2]);
      if (high > 15 || low > 15)
        return std::nullopt;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      return std::nullopt;
    out += c;
  }
  return out;
}

} // namespace proxy
