#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

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
};
inline constexpr size_t reason_count = static_cast<size_t>(reason::approval_required) + 1;

/// What a reason looks like to a client; the only place that knows.
struct refusal {
  policy::reason reason;
  std::string_view name;          ///< As in JSON and audit: "not_allowed".
  uint16_t status;                ///< HTTP status; 0 for `allow`.
  std::string_view x_proxy_error; ///< "" where the response carries no such header.
  std::string_view text;
  std::string_view proxy_status; ///< `error` parameter of Proxy-Status (RFC 9209 §2.3).
};

[[nodiscard]] const refusal& refusal_of(reason r) noexcept;
[[nodiscard]] std::string_view to_string(reason r) noexcept;

/// The reason for refusing with 403 that has a name; nullopt for all other words.
[[nodiscard]] std::optional<reason> reason_named(std::string_view name) noexcept;

/// Which part decided.
enum class source : uint8_t { baseline_policy, mode_guard, proxy_state, decider };
[[nodiscard]] std::string_view to_string(source s) noexcept;

enum class decision : uint8_t { allow, deny, ask };
inline constexpr size_t decision_count = static_cast<size_t>(decision::ask) + 1;
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
[[nodiscard]] std::string_view to_string(protocol p) noexcept;

enum class mode : uint8_t { limited, full };
[[nodiscard]] std::string_view to_string(mode m) noexcept;

/// `full` allows any method; `limited` only GET, HEAD and OPTIONS in exactly this spelling.
[[nodiscard]] bool allows_method(mode m, std::string_view method) noexcept;

} // namespace proxy::policy
