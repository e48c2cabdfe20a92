#pragma once

#include <string>
#include <string_view>

#include "protocols/decode.hpp"

namespace proxy::socks5 {

/// Who a client says it is. Views into the bytes they were decoded from; any bytes may stand in
/// them. The password is a secret: never log it.
struct credentials {
  std::string_view user;     ///< 1 to 255 bytes.
  std::string_view password; ///< Up to 255 bytes. Clients send none where RFC 1929 wants one.

  friend bool operator==(const credentials&, const credentials&) = default;
};

/// Decodes VER(1) ULEN(1) UNAME(ULEN) PLEN(1) PASSWD(PLEN), RFC 1929 §2.
/// @param in  Bytes received so far, from VER on, which is 1 here.
/// @returns The credentials and the size of the message in bytes; `nullopt` while bytes are
///          missing; errc::malformed on a version other than 1 or on an empty user.
[[nodiscard]] decode_result<credentials> decode_credentials(std::string_view in);

/// The answer to credentials: VER(1) STATUS(1). After a refusal the connection has to be closed.
[[nodiscard]] std::string encode_auth_status(bool accepted);

} // namespace proxy::socks5
