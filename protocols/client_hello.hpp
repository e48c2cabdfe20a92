#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/decode.hpp"

namespace proxy {

/// What a TLS client says it wants before anything is encrypted.
struct client_hello {
  std::string server_name; ///< As sent, printable ASCII, at most 255 bytes; "" when there is none.
  std::vector<std::string> protocols; ///< ALPN, any bytes, most wanted first.
  /// As sent, e.g. 0x0304 for TLS 1.3, but for reserved values (RFC 8701); without such a list the
  /// version that the hello itself names.
  std::vector<uint16_t> versions;

  friend bool operator==(const client_hello&, const client_hello&) = default;
};

/// Longest hello, in bytes, the headers of its records apart.
inline constexpr size_t max_client_hello = 16 * 1024;
/// Most records that one hello may be spread over.
inline constexpr size_t max_client_hello_records = 64;
/// Most names that a client may offer by ALPN.
inline constexpr size_t max_client_hello_protocols = 32;

/// Decodes the records that carry a client hello, RFC 8446 §4.1.2 and §5.1, with the server name
/// (RFC 6066 §3) and the protocols (RFC 7301 §3.1) it asks for.
/// @param in  Bytes received so far, from the first of the connection on.
/// @returns The hello and its size in bytes, the headers of its records included; `nullopt` while
///          bytes are missing; errc::malformed when this is no TLS (the first byte tells nearly
///          always), when a limit is passed, or the grammar is broken: lengths that do not fit in
///          each other, a server name that is empty, given twice, longer than 255 bytes or not
///          printable ASCII. Whether the name is a host's is for `host::parse` to say.
[[nodiscard]] decode_result<client_hello> decode_client_hello(std::string_view in);

} // namespace proxy
