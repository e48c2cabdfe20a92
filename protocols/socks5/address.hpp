#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocols/decode.hpp"
#include "protocols/host.hpp"
#include "protocols/ip_address.hpp"

namespace proxy::socks5 {

/// Longest address field, in bytes: type, length, name, port.
inline constexpr size_t max_address_bytes = 1 + 1 + 255 + 2;

/// What an address field names. The port is as received: whether 0 makes sense is for the flow.
struct endpoint {
  proxy::host host;
  uint16_t port = 0;

  friend bool operator==(const endpoint&, const endpoint&) = default;
};

/// Decodes ATYP(1) ADDR PORT(2), RFC 1928 §5. ADDR is four bytes, sixteen bytes, or a length and as
/// many bytes of name. A name goes through `host::parse`: odd notations of an address become it.
/// @param in  Bytes received so far, from ATYP on.
/// @returns The endpoint and the size of the field in bytes; `nullopt` while bytes are missing;
///          errc::unsupported_address_type on another ATYP;
///          errc::malformed on a name that is empty or no host.
[[nodiscard]] decode_result<endpoint> decode_address(std::string_view in);

/// The size in bytes of the address field at the front of `in`, found without a look at the address
/// and without allocation.
/// @returns 0 when bytes are missing, ATYP is unknown, or the name is empty.
[[nodiscard]] size_t address_size(std::string_view in) noexcept;

/// Writes an address field: 7 bytes for IPv4, 19 for IPv6.
/// @returns The number of bytes written.
[[nodiscard]] size_t write_address(std::span<char, max_address_bytes> out, const ip_address& ip,
                                   uint16_t port) noexcept;

/// The same for a host that need not be a literal; it must not be empty. The scope of a literal is
/// left out: the field has no room for it.
[[nodiscard]] size_t write_address(std::span<char, max_address_bytes> out, const host& to,
                                   uint16_t port) noexcept;

} // namespace proxy::socks5
