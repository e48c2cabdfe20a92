#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocols/enum_array.hpp"

namespace proxy::policy {

/// Why a request is refused, or `allow`.
enum class reason : uint8_t {
  allow,
  not_allowed,
  not_allowed_local,
  denied,
  method_not_allowed,
  mitm_required,
  mitm_hook_denied,
  policy_denied, ///< A decider's refusal; its own words travel in `denial::words`.
  proxy_disabled,
  unix_socket_unsupported,
  client_required, ///< Who asks has to say who it is, and did not, or not rightly.
  misdirected, ///< The names of tunnel and request disagree: told as an error, `errc::misdirected`.
  approval_required, ///< Only somebody's word is missing, and nobody gave it.
  decider_timeout,   ///< Whoever was asked for their word gave none in time.
  decider_failed,    ///< Whoever was asked for their word failed, and gave none.
};

/// What a reason looks like to a client; the only place that knows.
struct refusal {
  policy::reason reason;
  std::string_view name;          ///< As in JSON and audit: "not_allowed".
  uint16_t status;                ///< HTTP status; 0 for `allow`.
  std::string_view x_proxy_error; ///< "" where the response carries no such header.
  std::string_view text;
  std::string_view proxy_status; ///< `error` parameter of Proxy-Status (RFC 9209 §2.3).
};

/// In the order of `reason`.
inline constexpr refusal refusals[] = {
  {reason::allow, "allow", 0, "", "", ""},
  {reason::not_allowed, "not_allowed", 403, "blocked-by-allowlist", "Domain not in allowlist.",
   "http_request_denied"},
  {reason::not_allowed_local, "not_allowed_local", 403, "blocked-by-allowlist",
   "Sandbox policy blocks local/private network addresses.", "destination_ip_prohibited"},
  {reason::denied, "denied", 403, "blocked-by-denylist", "Domain denied by the sandbox policy.",
   "http_request_denied"},
  {reason::method_not_allowed, "method_not_allowed", 403, "blocked-by-method-policy",
   "Method not allowed in limited mode.", "http_request_denied"},
  {reason::mitm_required, "mitm_required", 403, "blocked-by-mitm-required",
   "MITM required for limited HTTPS.", "http_request_denied"},
  {reason::mitm_hook_denied, "mitm_hook_denied", 403, "blocked-by-mitm-hook",
   "HTTPS request denied by MITM hook policy.", "http_request_denied"},
  {reason::policy_denied, "policy_denied", 403, "blocked-by-policy",
   "Request blocked by network policy.", "http_request_denied"},
  // "The intermediary generated the response itself without attempting to connect": RFC 9209
  // §2.3.31.
  {reason::proxy_disabled, "proxy_disabled", 503, "", "network proxy is disabled",
   "proxy_internal_response"},
  {reason::unix_socket_unsupported, "unix_socket_unsupported", 501, "", "unix sockets unsupported",
   "proxy_internal_response"},
  {reason::client_required, "client_required", 407, "", "Proxy authentication required.",
   "http_request_denied"},
  {reason::misdirected, "misdirected", 421, "", "The names of handshake, Host and tunnel disagree.",
   "http_request_error"},
  {reason::approval_required, "approval_required", 403, "blocked-by-policy",
   "This request needs approval.", "http_request_denied"},
  {reason::decider_timeout, "decider_timeout", 403, "blocked-by-policy",
   "Nobody decided over this request in time.", "http_request_denied"},
  {reason::decider_failed, "decider_failed", 403, "blocked-by-policy",
   "What decides over this request failed.", "http_request_denied"},
};

[[nodiscard]] const refusal& refusal_of(reason r) noexcept;
[[nodiscard]] std::string_view to_string(reason r) noexcept;

/// The reason for refusing with 403 that has a name; nullopt for all other words.
[[nodiscard]] std::optional<reason> reason_named(std::string_view name) noexcept;

/// Which part decided.
enum class source : uint8_t { baseline_policy, mode_guard, proxy_state, decider };
[[nodiscard]] std::string_view to_string(source s) noexcept;

enum class decision : uint8_t { allow, deny, ask };

struct decision_name {
  policy::decision decision;
  std::string_view name; ///< As in JSON and audit.
};

/// In the order of `decision`.
inline constexpr decision_name decision_names[] = {
  {decision::allow, "allow"}, {decision::deny, "deny"}, {decision::ask, "ask"}};
[[nodiscard]] std::string_view to_string(decision d) noexcept;

/// How the target was asked for.
enum class protocol : uint8_t {
  http,
  https, ///< A request that the proxy sends over TLS: in absolute form, or inside a tunnel it
         ///< reads.
  https_connect,
  socks5_tcp,
  socks5_udp,
};

struct protocol_name {
  policy::protocol protocol;
  std::string_view name; ///< As in audit and metrics.
};

/// In the order of `protocol`.
inline constexpr protocol_name protocol_names[] = {{protocol::http, "http"},
                                                   {protocol::https, "https"},
                                                   {protocol::https_connect, "https_connect"},
                                                   {protocol::socks5_tcp, "socks5_tcp"},
                                                   {protocol::socks5_udp, "socks5_udp"}};
[[nodiscard]] std::string_view to_string(protocol p) noexcept;

enum class mode : uint8_t { limited, full };

struct mode_name {
  policy::mode mode;
  std::string_view name;
};

/// In the order of `mode`.
inline constexpr mode_name mode_names[] = {{mode::limited, "limited"}, {mode::full, "full"}};
[[nodiscard]] std::string_view to_string(mode m) noexcept;

} // namespace proxy::policy

template <>
struct proxy::enum_table<proxy::policy::reason> {
  static constexpr auto& rows = policy::refusals;
  static constexpr auto value = &policy::refusal::reason;
};

template <>
struct proxy::enum_table<proxy::policy::decision> {
  static constexpr auto& rows = policy::decision_names;
  static constexpr auto value = &policy::decision_name::decision;
};

template <>
struct proxy::enum_table<proxy::policy::protocol> {
  static constexpr auto& rows = policy::protocol_names;
  static constexpr auto value = &policy::protocol_name::protocol;
};

template <>
struct proxy::enum_table<proxy::policy::mode> {
  static constexpr auto& rows = policy::mode_names;
  static constexpr auto value = &policy::mode_name::mode;
};
