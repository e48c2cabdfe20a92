#include "protocols/socks5/greeting.hpp"

#include "protocols/socks5/bytes.hpp"

namespace proxy::socks5 {

bool greeting::offers(method m) const noexcept {
  return m != method::none_acceptable &&
         methods.find(static_cast<char>(m)) != std::string_view::npos;
}

decode_result<greeting> decode_greeting(std::string_view in) {
  if (!in.empty() && byte_at(in, 0) != version)
    return malformed("version at byte 0");
  if (in.size() < 2)
    return std::nullopt;
  size_t count = byte_at(in, 1);
  if (count == 0)
    return malformed("method count at byte 1");
  if (in.size() < 2 + count)
    return std::nullopt;
  return decoded<greeting>{{in.substr(2, count)}, 2 + count};
}

std::string encode_method(method m) { return {static_cast<char>(version), static_cast<char>(m)}; }

} // namespace proxy::socks5
