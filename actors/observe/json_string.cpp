#include "actors/observe/json_string.hpp"

#include "protocols/plain_text.hpp"
#include "protocols/utf8.hpp"

namespace proxy {

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (;;) {
    auto plain = plain_prefix(text);
    out.append(text, 0, plain);
    text.remove_prefix(plain);
    if (text.empty())
      break;
    auto c = static_cast<unsigned char>(text[0]);
    size_t size = 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[0];
    } else if (c < 0x20 || c == 0x7f) {
      out += "\\u00";
      out += hex[c >> 4];
      out += hex[c & 15];
    } else if (size = utf8_length(text); size == 0) {
      out += "\xef\xbf\xbd";
      size = 1;
    } else {
      out.append(text.substr(0, size));
    }
    text.remove_prefix(size);
  }
  out += '"';
}

} // namespace proxy
