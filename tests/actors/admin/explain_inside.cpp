#define CAF_SUITE actors.admin.explain_inside
#include "actors/admin/explain.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "tests/actors/admin/explaining.hpp"
#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;
using json = nlohmann::json;

CAF_TEST(the request inside a tunnel that is intercepted is judged by hooks and mode) {
  constexpr auto connect = policy::protocol::https_connect;
  constexpr auto absolute = policy::protocol::http;
  auto rules = rules_of({"**.test"});
  rules.mitm = true;
  policy::test::set_hooks(
    rules, policy::test::hooks_of(
             {{.host = "other.test"},
              {.host = "api.test", .paths = {"/v1/"}, .headers = {{"x-team", {"blue"}}}},
              {.host = "api.test",
               .methods = {"POST"},
               .paths = {"/v2/"},
               .strip = {"cookie"},
               .inject = {{"authorization", "s3cret"}}}}));
  auto limited = rules;
  policy::test::set_mode(limited, policy::mode::limited);
  auto unread = rules;
  unread.mitm = false;
  auto with = [](question q, std::string header) {
    q.headers = {std::move(header)};
    return q;
  };
  struct row {
    const policy::rules& rules;
    question q;
    std::string_view reason;
    uint16_t status;
    std::string_view header; ///< x-proxy-error
    bool mitm;
    std::optional<size_t> hook;
    std::string_view method;
  };
  for (auto& [in_force, q, reason, status, header, mitm, hook, method] : std::initializer_list<row>{
         {rules, with(asking("https://api.test/v1/x"), "X-Team: blue"), "allow", 200, "", true, 1,
          "GET"},
         {rules,
          with(asking("https://api.test/v1/x"), "X-Team: red"),
          "mitm_hook_denied",
          403,
          "blocked-by-mitm-hook",
          true,
          {},
          "GET"},
         {rules, asking("https://api.test/v2/x?q#part", "POST"), "allow", 200, "", true, 2, "POST"},
         {rules, asking("https://api.test:8443/v2/", "POST"), "allow", 200, "", true, 2, "POST"},
         {rules,
          asking("https://api.test/v2/", "GET"),
          "mitm_hook_denied",
          403,
          "blocked-by-mitm-hook",
          true,
          {},
          "GET"},
         {rules,
          asking("https://api.test/v2/%2e%2e/v2/", "POST"),
          "mitm_hook_denied",
          403,
          "blocked-by-mitm-hook",
          true,
          {},
          "POST"},
         {rules, asking("https://other.test"), "allow", 200, "", true, 0, "GET"},
         {rules, asking("https://other.test?q"), "allow", 200, "", true, 0, "GET"},
         {rules,
          with(asking("https://other.test/"), "Host: api.test"),
          "misdirected_request",
          421,
          "",
          true,
          {},
          "CONNECT"},
         // A match does not lift the mode.
         {limited,
          asking("https://api.test/v2/", "POST"),
          "method_not_allowed",
          403,
          "blocked-by-method-policy",
          true,
          {},
          "POST"},
         {limited, asking("https://plain.test/"), "allow", 200, "", true, {}, "GET"},
         {limited,
          asking("wss://plain.test/"),
          "method_not_allowed",
          403,
          "blocked-by-method-policy",
          true,
          {},
          "GET"},
         {rules, asking("wss://other.test/"), "allow", 200, "", true, 0, "GET"},
         // Nothing inside is asked for, or nobody looks inside.
         {rules, asking("api.test:443"), "allow", 200, "", true, {}, "CONNECT"},
         {rules, asking("https://api.test/", "CONNECT"), "allow", 200, "", true, {}, "CONNECT"},
         {rules, asking("https://plain.test/", "DELETE"), "allow", 200, "", false, {}, "CONNECT"},
         {unread,
          asking("https://api.test/v1/"),
          "mitm_required",
          403,
          "blocked-by-mitm-required",
          false,
          {},
          "CONNECT"},
         {rules,
          asking("https://elsewhere.example/"),
          "not_allowed",
          403,
          "blocked-by-allowlist",
          false,
          {},
          "CONNECT"},
         // In absolute form the proxy reads the request anyway.
         {rules, asking("https://api.test/v2/", "POST", absolute), "allow", 200, "", false, 2,
          "POST"},
         {rules,
          asking("https://api.test/v3/", "POST", absolute),
          "mitm_hook_denied",
          403,
          "blocked-by-mitm-hook",
          false,
          {},
          "POST"},
         {rules,
          asking("http://api.test/v1/"),
          "mitm_required",
          403,
          "blocked-by-mitm-required",
          false,
          {},
          "GET"},
         {rules,
          asking("http://api.test/v1/", "GET", connect),
          "allow",
          200,
          "",
          true,
          {},
          "CONNECT"},
       }) {
    CAF_MESSAGE(q.method << ' ' << q.address << ' ' << policy::to_string(in_force.mode));
    auto e = explained(in_force, q, addresses("93.184.216.34"));
    auto text = to_text(e, false);
    auto shown = to_json(e);
    CAF_CHECK_EQUAL(shown.find("s3cret"), std::string::npos);
    CAF_CHECK_EQUAL(text.find("s3cret"), std::string::npos);
    auto told = json::parse(shown);
    CAF_CHECK_EQUAL(told["reason"], reason);
    CAF_CHECK_EQUAL(told["decision"], status == 200 ? "allow" : "deny");
    CAF_CHECK_EQUAL(told["status"], status);
    auto error = told["x_proxy_error"].is_null() ? "" : told["x_proxy_error"].get<std::string>();
    CAF_CHECK_EQUAL(error, header);
    CAF_CHECK_EQUAL(told["mitm"], mitm);
    auto by = told["hook"].dump();
    auto expected = hook ? std::to_string(*hook) : std::string{"null"};
    CAF_CHECK_EQUAL(by, expected);
    CAF_CHECK_EQUAL(told["method"], method);
    CAF_CHECK_EQUAL(text.find("hook      ") != std::string::npos, hook.has_value());
    CAF_CHECK_EQUAL(e.response.empty(), status == 200);
  }
}

CAF_TEST(a refused request inside names the step and what its client would get) {
  auto rules = rules_of({"api.test"});
  rules.mitm = true;
  policy::test::set_hooks(rules, policy::test::hooks_of({{.paths = {"/v1/"}}}));
  auto e = explained(rules, asking("https://api.test/v2/"), addresses("93.184.216.34"));
  CAF_CHECK(!e.goes_through());
  CAF_REQUIRE(e.rule);
  CAF_CHECK_EQUAL(e.rule->line, 7u);
  CAF_CHECK_EQUAL(e.source, "baseline_policy");
  CAF_REQUIRE(!e.steps.empty());
  CAF_CHECK_EQUAL(e.steps.back().name, "hooks");
  CAF_CHECK_EQUAL(e.steps.back().outcome, "no hook of api.test matches");
  CAF_CHECK(
    e.response.starts_with("HTTP/1.1 403 Blocked by policy: mitm_hook_denied api.test\r\n"));
  CAF_CHECK(e.response.find("x-proxy-error: blocked-by-mitm-hook\r\n") != std::string::npos);
  CAF_CHECK(e.response.find("{\"status\":\"blocked\"") != std::string::npos);
  // The tunnel comes first, with the addresses that it would be dialled to.
  CAF_CHECK_EQUAL(explained(rules, asking("https://api.test/v2/"), addresses("10.0.0.1")).reason,
                  "not_allowed_local");
  CAF_CHECK_EQUAL(e.steps.back().name, "hooks");
  policy::test::set_hooks(
    rules,
    policy::test::hooks_of({{.strip = {"cookie"}, .inject = {{"authorization", "s3cret"}}}}));
  auto passed = explained(rules, asking("https://api.test/v2/"), addresses("93.184.216.34"));
  CAF_REQUIRE(!passed.steps.empty());
  CAF_CHECK_EQUAL(passed.steps.back().name, "hook_actions");
  CAF_CHECK_EQUAL(passed.steps.back().outcome, "removes cookie, sets authorization");
}

CAF_TEST(a tunnel of SOCKS is read where inspection asks for it) {
  auto rules = rules_of({"a.test"});
  rules.mitm = true;
  for (auto inspect : {false, true}) {
    rules.inspect = inspect;
    auto e = explained(rules, asking("a.test:22", "GET", policy::protocol::socks5_tcp),
                       addresses("93.184.216.34"));
    CAF_CHECK(e.goes_through());
    CAF_CHECK_EQUAL(e.mitm, inspect);
  }
}
