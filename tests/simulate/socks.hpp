#pragma once

#include <optional>
#include <string>

#include "tests/simulate/visitor.hpp"

/// What clients of SOCKS5 say and hear (RFC 1928).

namespace proxy::simulate::socks {

inline const std::string greeting{"\x05\x01\x00", 3};
constexpr char connect = 1, associate = 3;

/// An address and a port (§5).
[[nodiscard]] std::string address_of(const destination& to, uint16_t port);
[[nodiscard]] std::string request(char command, const destination& to, uint16_t port);
/// What stands before the data of a datagram (§7).
[[nodiscard]] std::string datagram_head(const destination& to, uint16_t port);

struct reply {
  int code;
  uint16_t port;
};

/// Takes the choice of a method and the reply from the front. @returns nothing while they are not
/// whole.
[[nodiscard]] std::optional<reply> take_reply(std::string& in);

} // namespace proxy::simulate::socks
