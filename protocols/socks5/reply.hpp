#pragma once

#include <cstdint>
#include <string>

#include "protocols/error.hpp"
#include "protocols/ip_address.hpp"

namespace proxy::socks5 {

/// How a request ended (RFC 1928 §6).
enum class reply_code : uint8_t {
  succeeded = 0,
  general_failure = 1,
  not_allowed = 2, ///< By policy.
  network_unreachable = 3,
  host_unreachable = 4,
  connection_refused = 5,
  ttl_expired = 6,
  command_not_supported = 7,
  address_type_not_supported = 8,
};

/// The reply that a failure is answered with: the `socks_reply` of its `outcome`.
[[nodiscard]] reply_code reply_for(errc code) noexcept;

/// Encodes VER(1) REP(1) RSV(1) and the address that was bound, RFC 1928 §6: 10 bytes for IPv4, 22
/// for IPv6.
/// @param bound  For CONNECT where the upstream sees us, for UDP ASSOCIATE where the client may
/// send
///               its datagrams, after a failure 0.0.0.0.
[[nodiscard]] std::string encode_reply(reply_code code, const ip_address& bound = ip_address::v4(0),
                                       uint16_t port = 0);

} // namespace proxy::socks5
