#include "policy/reason.hpp"

namespace proxy::policy {

namespace {

// In the order of `reason`, so that the value is the index.
constexpr refusal refusals[] = {
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
};

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(refusals); ++i)
    if (static_cast<size_t>(refusals[i].reason) != i)
      return false;
  return true;
}
static_assert(in_order() && std::size(refusals) == reason_count);

} // namespace

const refusal& refusal_of(reason r) noexcept {
  auto index = static_cast<size_t>(r);
  return refusals[index < std::size(refusals) ? index : static_cast<size_t>(reason::policy_denied)];
}

std::string_view to_string(reason r) noexcept { return refusal_of(r).name; }

std::optional<reason> reason_named(std::string_view name) noexcept {
  for (auto& r : refusals)
    if (r.status == 403 && r.name == name)
      return r.reason;
  return std::nullopt;
}

std::string_view to_string(source s) noexcept {
  switch (s) {
    case source::baseline_policy: return "baseline_policy";
    case source::mode_guard: return "mode_guard";
    case source::proxy_state: return "proxy_state";
    case source::decider: return "decider";
  }
  return "unknown";
}

std::string_view to_string(decision d) noexcept {
  switch (d) {
    case decision::allow: return "allow";
    case decision::deny: return "deny";
    case decision::ask: return "ask";
  }
  return "unknown";
}

std::string_view to_string(protocol p) noexcept {
  switch (p) {
    case protocol::http: return "http";
    case protocol::https: return "https";
    case protocol::https_connect: return "https_connect";
    case protocol::socks5_tcp: return "socks5_tcp";
    case protocol::socks5_udp: return "socks5_udp";
  }
  return "unknown";
}

std::string_view to_string(mode m) noexcept { return m == mode::limited ? "limited" : "full"; }

bool allows_method(mode m, std::string_view method) noexcept {
  return m == mode::full || method == "GET" || method == "HEAD" || method == "OPTIONS";
}

} // namespace proxy::policy
