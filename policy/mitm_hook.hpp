#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/placed_text.hpp"
#include "policy/request_limits.hpp"
#include "policy/secret.hpp"
#include "protocols/host.hpp"

namespace proxy::policy {

/// A header a hook sets.
struct hook_injection {
  placed_text where; ///< Its name, and where it stands.
  std::string name;
  std::string prefix;         ///< Stands in front of the secret.
  std::string secret_env_var; ///< Where the secret comes from: this,
  std::string secret_file;    ///< or this.
  secret value;               ///< Prefix and secret: what is sent.

  /// Whether two say the same, wherever they stand.
  friend bool operator==(const hook_injection& a, const hook_injection& b) {
    return a.name == b.name && a.prefix == b.prefix && a.secret_env_var == b.secret_env_var &&
           a.secret_file == b.secret_file && a.value == b.value;
  }
};

/// One rule for requests to a host that are read in the clear: which ones may pass, and what is
/// done to them. It names methods and paths, always.
struct mitm_hook : request_limits {
  placed_text where; ///< The host as written, and where it stands.
  proxy::host host;
  std::vector<std::string> strip_request_headers;
  std::vector<hook_injection> inject_request_headers;

  /// Whether two hooks say the same, wherever they stand.
  friend bool operator==(const mitm_hook& a, const mitm_hook& b) {
    const request_limits& limits = a;
    return a.host == b.host && limits == b && a.strip_request_headers == b.strip_request_headers &&
           a.inject_request_headers == b.inject_request_headers;
  }
};

/// Parses the host of a hook.
/// @returns errc::invalid_config: "host must not be empty", "MITM hook hosts must be exact hosts
/// and
///          cannot contain wildcards", or why it is none; a port or zone too.
[[nodiscard]] caf::expected<host> parse_hook_host(std::string_view text);

/// Checks the name of a header to strip or inject, or (`changed` false) to look at.
/// @returns "" or the reason: no token (RFC 9110 §5.1), or one that frames or routes the message
/// and
///          is the proxy's own to set.
[[nodiscard]] std::string_view judge_field_name(std::string_view name, bool changed) noexcept;

/// Whether a hook takes a field off the request, however it is spelled (`http1::same_variable`):
/// stripped, or replaced by an injected one.
[[nodiscard]] bool removes(const mitm_hook& hook, std::string_view field_name) noexcept;

} // namespace proxy::policy
