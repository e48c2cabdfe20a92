#pragma once

#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/enum_array.hpp"

namespace proxy {

/// What went wrong: one code per thing a caller can act on. The detail a person needs
/// (field, byte offset, peer, errno text) travels as the error's context string.
enum class errc : uint8_t {
  /// A client broke its protocol's grammar. Context: field and byte offset.
  malformed = 1,
  /// A SOCKS request for something other than CONNECT, BIND or UDP ASSOCIATE. Context: the byte.
  unsupported_command,
  /// A SOCKS address that is no IPv4 or IPv6 address and no name. Context: the byte.
  unsupported_address_type,
  /// A method that makes no sense where it was asked for. Context: what does.
  unsupported_method,
  /// A method that nobody has. Context: why.
  not_implemented,
  /// A request head is longer than `limits.max_head_bytes` or has too many fields.
  head_too_large,
  /// The client did not finish its request head in time.
  request_timeout,
  /// A limit on connections is reached.
  overloaded,
  /// Another policy came into force before what the old one allowed had begun.
  policy_changed,
  /// The upstream refused the connection. Context: address, errno text.
  connection_refused,
  /// No route leads to the upstream's network, or to its host. Context: address, errno text.
  network_unreachable,
  host_unreachable,
  /// Dialling the upstream took too long. Context: addresses tried.
  connection_timeout,
  /// The name has no address, or the name server failed. Context: name and cause.
  dns_error,
  /// The name server did not answer in time. Context: name.
  dns_timeout,
  /// The upstream's certificate does not hold. Context: subject and verify error.
  tls_certificate,
  /// The TLS handshake with the upstream failed otherwise. Context: library text.
  tls_handshake,
  /// The upstream speaks none of the protocols that were offered in the TLS handshake.
  no_common_protocol,
  /// The upstream wants the request over HTTP/1.1 (RFC 9113 §7, HTTP_1_1_REQUIRED).
  http1_required,
  /// The upstream proxy wants credentials, or others. Context: which proxy.
  upstream_proxy_login,
  /// A request inside a tunnel, or the handshake that opened it, names another host than the tunnel
  /// leads to. Context: both names.
  misdirected,
  /// A request has come back to the proxy that sent it. Context: how that was seen.
  loop_detected,
  /// The upstream broke HTTP. Context: field and byte offset.
  bad_response,
  /// The upstream did not answer in time.
  response_timeout,
  /// The other side closed the connection: news, not a fault.
  closed,
  /// Nothing moved for `timeouts.idle`.
  idle,
  /// The operation was cancelled because its owner ended.
  cancelled,
  /// Configuration that does not hold. Context: key and reason.
  invalid_config,
  /// An operating-system call failed. Context: call and errno text.
  system,
};

/// How a code looks to a client (RFC 9110 §15, RFC 9209 §2.3, RFC 1928 §6); the only place that
/// knows.
struct outcome {
  errc code;
  std::string_view name;         ///< As logs, audit and metrics print it.
  uint16_t http_status;          ///< 0: the client is not answered.
  std::string_view proxy_status; ///< The `error` parameter of Proxy-Status.
  uint8_t socks_reply;
};

/// In the order of `errc`.
inline constexpr outcome outcomes[] = {
  {errc::malformed, "malformed", 400, "http_request_error", 0x01},
  {errc::unsupported_command, "unsupported_command", 400, "http_request_error", 0x07},
  {errc::unsupported_address_type, "unsupported_address_type", 400, "http_request_error", 0x08},
  {errc::unsupported_method, "unsupported_method", 405, "http_request_error", 0x01},
  {errc::not_implemented, "not_implemented", 501, "http_request_error", 0x01},
  {errc::head_too_large, "head_too_large", 431, "http_request_error", 0x01},
  {errc::request_timeout, "request_timeout", 408, "http_request_error", 0x01},
  {errc::overloaded, "overloaded", 503, "connection_limit_reached", 0x01},
  {errc::policy_changed, "policy_changed", 503, "proxy_internal_response", 0x01},
  {errc::connection_refused, "connection_refused", 502, "connection_refused", 0x05},
  {errc::network_unreachable, "network_unreachable", 502, "destination_ip_unroutable", 0x03},
  {errc::host_unreachable, "host_unreachable", 502, "destination_ip_unroutable", 0x04},
  {errc::connection_timeout, "connection_timeout", 504, "connection_timeout", 0x04},
  {errc::dns_error, "dns_error", 502, "dns_error", 0x04},
  {errc::dns_timeout, "dns_timeout", 504, "dns_timeout", 0x04},
  {errc::tls_certificate, "tls_certificate_error", 502, "tls_certificate_error", 0x01},
  {errc::tls_handshake, "tls_handshake_error", 502, "tls_protocol_error", 0x01},
  {errc::no_common_protocol, "no_common_protocol", 502, "tls_protocol_error", 0x01},
  {errc::http1_required, "http_1_1_required", 502, "http_protocol_error", 0x01},
  {errc::upstream_proxy_login, "proxy_authentication_required", 502,
   "proxy_authentication_required", 0x01},
  {errc::misdirected, "misdirected_request", 421, "http_request_error", 0x01},
  {errc::loop_detected, "loop_detected", 508, "proxy_loop_detected", 0x01},
  {errc::bad_response, "http_protocol_error", 502, "http_protocol_error", 0x01},
  {errc::response_timeout, "http_response_timeout", 504, "http_response_timeout", 0x01},
  {errc::closed, "closed", 0, "connection_terminated", 0x01},
  {errc::idle, "idle", 0, "connection_read_timeout", 0x01},
  {errc::cancelled, "cancelled", 0, "proxy_internal_error", 0x01},
  {errc::invalid_config, "invalid_config", 500, "proxy_configuration_error", 0x01},
  {errc::system, "system", 500, "proxy_internal_error", 0x01},
};

/// The row of `outcomes` for a code.
[[nodiscard]] const outcome& outcome_of(errc code) noexcept;

/// The name of a code as logs print it, e.g. "dns_timeout".
[[nodiscard]] std::string to_string(errc code);

/// The code inside an error; `errc::system` for errors of other categories.
[[nodiscard]] errc code_of(const caf::error& err) noexcept;

/// The context string inside an error, "" when it has none.
[[nodiscard]] std::string context_of(const caf::error& err);

template <>
struct enum_table<errc> {
  static constexpr auto& rows = outcomes;
  static constexpr auto value = &outcome::code;
};

} // namespace proxy

CAF_ERROR_CODE_ENUM(proxy::errc, "proxy")
