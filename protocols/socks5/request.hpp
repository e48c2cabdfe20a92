#pragma once

#include <cstdint>
#include <string_view>

#include "protocols/decode.hpp"
#include "protocols/socks5/address.hpp"

namespace proxy::socks5 {

/// What a client asks for (RFC 1928 §4).
enum class command : uint8_t { connect = 1, bind = 2, udp_associate = 3 };

/// A client's request. For UDP ASSOCIATE the endpoint is where its datagrams will come from, often
/// all zero.
struct request {
  socks5::command command = command::connect;
  endpoint target;

  friend bool operator==(const request&, const request&) = default;
};

/// Decodes VER(1) CMD(1) RSV(1) and an address field, RFC 1928 §4. `reply_for` tells what an error
/// is answered with.
/// @param in  Bytes received so far, from VER on.
/// @returns The request and its size in bytes; `nullopt` while bytes are missing;
///          errc::malformed on a version other than 5, a reserved byte other than 0, or a name that
///          is empty or no host;
///          errc::unsupported_command and errc::unsupported_address_type as soon as that byte came.
[[nodiscard]] decode_result<request> decode_request(std::string_view in);

} // namespace proxy::socks5
