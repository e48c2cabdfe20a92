#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/rule.hpp"
#include "policy/secret.hpp"
#include "policy/value_matcher.hpp"
#include "protocols/host.hpp"
#include "protocols/http1/message.hpp"
#include "protocols/http1/path.hpp"

namespace proxy::policy {

/// A query parameter or header a hook asks for.
struct hook_constraint {
  std::string name;
  std::vector<value_matcher> values; ///< One of them must match; headers: none means any value.
  friend bool operator==(const hook_constraint&, const hook_constraint&) = default;
};

/// A header a hook sets.
struct hook_injection {
  rule where; ///< Its name, and where it stands.
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
/// done to them.
struct mitm_hook {
  rule where; ///< The host as written, and where it stands.
  proxy::host host;
  std::vector<std::string> methods;         ///< Upper case; never empty.
  std::vector<value_matcher> path_prefixes; ///< Never empty.
  std::vector<hook_constraint> query;
  std::vector<hook_constraint> headers;
  std::vector<std::string> strip_request_headers;
  std::vector<hook_injection> inject_request_headers;

  /// Whether two hooks say the same, wherever they stand.
  friend bool operator==(const mitm_hook& a, const mitm_hook& b) {
    return a.host == b.host && a.methods == b.methods && a.path_prefixes == b.path_prefixes &&
           a.query == b.query && a.headers == b.headers &&
           a.strip_request_headers == b.strip_request_headers &&
           a.inject_request_headers == b.inject_request_headers;
  }
};

/// What hooks look at in a request. Views live as long as it.
struct hook_request {
  std::string_view method;
  const http1::request_path* path = nullptr; ///< nullptr: it has no canonical form.
  /// Those that will be forwarded: a field that a Connection line takes away is not there.
  std::span<const http1::field> fields;
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

/// Whether a hook lets a request to its host pass: method, path, query and headers all fit. A
/// request without a canonical path never passes. Where a parameter or header stands more than
/// once, in whatever spelling a server may take for the same, every one has to fit.
[[nodiscard]] bool admits(const mitm_hook& hook, const hook_request& request) noexcept;

/// Whether a hook takes a field off the request, however it is spelled (`http1::same_variable`):
/// stripped, or replaced by an injected one.
[[nodiscard]] bool removes(const mitm_hook& hook, std::string_view field_name) noexcept;

} // namespace proxy::policy
