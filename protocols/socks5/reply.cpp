#include "protocols/socks5/reply.hpp"

#include <array>

#include "protocols/socks5/address.hpp"
#include "protocols/socks5/bytes.hpp"

namespace proxy::socks5 {

reply_code reply_for(errc code) noexcept {
  return static_cast<reply_code>(outcome_of(code).socks_reply);
}

std::string encode_reply(reply_code code, const ip_address& bound, uint16_t port) {
  std::array<char, max_address_bytes> address;
  auto size = write_address(address, bound, port);
  std::string out{static_cast<char>(version), static_cast<char>(code), '\0'};
  return out.append(address.data(), size);
}

} // namespace proxy::socks5
