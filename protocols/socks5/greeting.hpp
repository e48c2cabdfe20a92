#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/decode.hpp"

namespace proxy::socks5 {

/// How a client may be asked to authenticate (RFC 1928 §3).
enum class method : uint8_t {
  no_authentication = 0x00,
  user_password = 0x02,
  none_acceptable = 0xff, ///< An answer only: the client has to close.
};

/// A client's first message. A view into the bytes it was decoded from.
struct greeting {
  std::string_view methods; ///< One byte each, 1 to 255 of them, in the client's order.

  /// Whether the client can do `m`; never `method::none_acceptable`.
  [[nodiscard]] bool offers(method m) const noexcept;

  friend bool operator==(const greeting&, const greeting&) = default;
};

/// Decodes a client greeting: VER(1) NMETHODS(1) METHODS(NMETHODS), RFC 1928 §3.
/// @param in  Bytes received so far, from VER on.
/// @returns The greeting and its size in bytes; `nullopt` while bytes are missing;
///          errc::malformed on a version other than 5 or on zero methods.
[[nodiscard]] decode_result<greeting> decode_greeting(std::string_view in);

/// The answer to a greeting: VER(1) METHOD(1).
[[nodiscard]] std::string encode_method(method m);

} // namespace proxy::socks5
