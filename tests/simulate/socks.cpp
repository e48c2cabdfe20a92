#include "tests/simulate/socks.hpp"

#include <span>

#include "tests/simulate/violation.hpp"

namespace proxy::simulate::socks {

std::string address_of(const destination& to, uint16_t port) {
  std::string out;
  if (to.by_name) {
    out = '\x03';
    out += static_cast<char>(to.name.size());
    out += to.name;
  } else {
    out = '\x01';
    for (auto byte : std::span{to.address.bytes()}.last(4))
      out += static_cast<char>(byte);
  }
  out += static_cast<char>(port >> 8);
  out += static_cast<char>(port & 0xff);
  return out;
}

std::string request(char command, const destination& to, uint16_t port) {
  return std::string{'\x05', command, '\0'} + address_of(to, port);
}

std::string datagram_head(const destination& to, uint16_t port) {
  return std::string(3, '\0') + address_of(to, port);
}

std::optional<reply> take_reply(std::string& in) {
  constexpr size_t chosen = 2, size = 10; // an IPv4 address in it
  if (in.size() < chosen + size)
    return std::nullopt;
  // Who is turned away before a byte of it was read is told so in HTTP.
  if (in.starts_with("HTTP/1.1 503")) { // as much of it as a reply is long
    in.clear();
    return reply{'\x01', 0};
  }
  demand(in.starts_with(std::string{"\x05\x00\x05", 3}),
         "no SOCKS comes out of the proxy: " + in.substr(0, 60));
  demand(in[5] == 1, "a SOCKS reply with another address than IPv4");
  auto at = [&](size_t i) { return static_cast<uint8_t>(in[i]); };
  reply out{in[3], static_cast<uint16_t>(at(10) << 8 | at(11))};
  in.erase(0, chosen + size);
  return out;
}

} // namespace proxy::simulate::socks
