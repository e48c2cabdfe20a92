#define CAF_SUITE policy.reason
#include "policy/reason.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy::policy;

CAF_TEST(every reason shows itself to clients as the table says) {
  struct row {
    reason why;
    std::string_view name;
    uint16_t status;
    std::string_view header, text, proxy_status;
  };
  for (auto& [why, name, status, header, text, proxy_status] : std::initializer_list<row>{
         {reason::not_allowed, "not_allowed", 403, "blocked-by-allowlist",
          "Domain not in allowlist.", "http_request_denied"},
         {reason::not_allowed_local, "not_allowed_local", 403, "blocked-by-allowlist",
          "Sandbox policy blocks local/private network addresses.", "destination_ip_prohibited"},
         {reason::denied, "denied", 403, "blocked-by-denylist",
          "Domain denied by the sandbox policy.", "http_request_denied"},
         {reason::method_not_allowed, "method_not_allowed", 403, "blocked-by-method-policy",
          "Method not allowed in limited mode.", "http_request_denied"},
         {reason::mitm_required, "mitm_required", 403, "blocked-by-mitm-required",
          "MITM required for limited HTTPS.", "http_request_denied"},
         {reason::mitm_hook_denied, "mitm_hook_denied", 403, "blocked-by-mitm-hook",
          "HTTPS request denied by MITM hook policy.", "http_request_denied"},
         {reason::policy_denied, "policy_denied", 403, "blocked-by-policy",
          "Request blocked by network policy.", "http_request_denied"},
         {reason::proxy_disabled, "proxy_disabled", 503, "", "network proxy is disabled",
          "proxy_internal_response"},
         {reason::unix_socket_unsupported, "unix_socket_unsupported", 501, "",
          "unix sockets unsupported", "proxy_internal_response"},
         {reason::client_required, "client_required", 407, "", "Proxy authentication required.",
          "http_request_denied"},
         {reason::approval_required, "approval_required", 403, "blocked-by-policy",
          "This request needs approval.", "http_request_denied"},
         {reason::decider_timeout, "decider_timeout", 403, "blocked-by-policy",
          "Nobody decided over this request in time.", "http_request_denied"},
         {reason::decider_failed, "decider_failed", 403, "blocked-by-policy",
          "What decides over this request failed.", "http_request_denied"},
       }) {
    auto& shown = refusal_of(why);
    CAF_CHECK(shown.reason == why);
    CAF_CHECK_EQUAL(shown.name, name);
    CAF_CHECK_EQUAL(shown.status, status);
    CAF_CHECK_EQUAL(shown.x_proxy_error, header);
    CAF_CHECK_EQUAL(shown.text, text);
    CAF_CHECK_EQUAL(shown.proxy_status, proxy_status);
    CAF_CHECK_EQUAL(to_string(why), name);
  }
}

CAF_TEST(only the reasons of a 403 are found by name) {
  CAF_CHECK(reason_named("not_allowed") == reason::not_allowed);
  CAF_CHECK(reason_named("mitm_hook_denied") == reason::mitm_hook_denied);
  // A decider that says `allow` or `proxy_disabled` as its reason for a refusal must not get a 200
  // or 503.
  for (auto name : {"allow", "proxy_disabled", "unix_socket_unsupported", "client_required", "",
                    "Denied", "no"})
    CAF_CHECK(!reason_named(name));
}

CAF_TEST(names are those of audit and configuration) {
  CAF_CHECK_EQUAL(to_string(source::baseline_policy), "baseline_policy");
  CAF_CHECK_EQUAL(to_string(source::mode_guard), "mode_guard");
  CAF_CHECK_EQUAL(to_string(source::proxy_state), "proxy_state");
  CAF_CHECK_EQUAL(to_string(source::decider), "decider");
  CAF_CHECK_EQUAL(to_string(decision::allow), "allow");
  CAF_CHECK_EQUAL(to_string(decision::deny), "deny");
  CAF_CHECK_EQUAL(to_string(decision::ask), "ask");
  CAF_CHECK_EQUAL(to_string(protocol::http), "http");
  CAF_CHECK_EQUAL(to_string(protocol::https), "https");
  CAF_CHECK_EQUAL(to_string(protocol::https_connect), "https_connect");
  CAF_CHECK_EQUAL(to_string(protocol::socks5_tcp), "socks5_tcp");
  CAF_CHECK_EQUAL(to_string(protocol::socks5_udp), "socks5_udp");
  CAF_CHECK_EQUAL(to_string(mode::limited), "limited");
  CAF_CHECK_EQUAL(to_string(mode::full), "full");
}
