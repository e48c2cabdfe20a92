#define CAF_SUITE actors.admin.explain
#include "actors/admin/explain.hpp" // unit under test

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;
using json = nlohmann::json;

namespace {

policy::rules rules_of(const std::vector<std::string>& allowed,
                       const std::vector<std::string>& denied = {}) {
  auto out = policy::test::allowing(allowed, denied);
  CAF_REQUIRE(out.table);
  return out;
}

question asking(std::string address, std::string method = "GET",
                std::optional<policy::protocol> protocol = std::nullopt) {
  question q;
  q.address = std::move(address);
  q.method = std::move(method);
  q.protocol = protocol;
  return q;
}

snapshot snapshot_of(const policy::rules& rules) {
  snapshot out;
  out.rules = std::make_shared<policy::rules>(rules);
  return out;
}

/// The same where the environment names a proxy for each kind of target.
snapshot behind_proxies(const policy::rules& rules) {
  auto out = snapshot_of(rules);
  policy::proxy_environment env;
  env.http = {{"HTTP_PROXY", "http://user:secret@plain.test:8080"}};
  env.https = {{"HTTPS_PROXY", "https://user:secret@[2001:db8::1]"}};
  env.no_proxy = "direct.example";
  std::vector<std::string> warnings;
  out.upstreams = {env, rules, warnings};
  CAF_REQUIRE(warnings.empty());
  return out;
}

/// The whole way, with an answer of the name server given beforehand.
explanation explained(const snapshot& in_force, const question& q,
                      caf::expected<dns_answer> found) {
  auto what = parse_question(q);
  if (!what)
    return explain_fault(*in_force.rules, q, what.error());
  return explain(in_force, *what, found);
}

explanation explained(const policy::rules& rules, const question& q,
                      caf::expected<dns_answer> found = dns_answer{}) {
  return explained(snapshot_of(rules), q, std::move(found));
}

dns_answer addresses(std::string_view text) { return {{*ip_address::parse(text)}}; }

} // namespace

CAF_TEST(a question is read as the proxy would read its request) {
  using policy::protocol;
  struct row {
    question q;
    std::string_view protocol, host;
    uint16_t port;
    std::string_view method;
    bool upgrade;
  };
  for (auto& [q, protocol, host, port, method, upgrade] : std::initializer_list<row>{
         {asking("http://a.example/x?y"), "http", "a.example", 80, "GET", false},
         {asking("HTTP://A.Example.:8080#top", "POST"), "http", "a.example", 8080, "POST", false},
         {asking("https://a.example/"), "https_connect", "a.example", 443, "CONNECT", false},
         {asking("https://a.example:8443/x", "POST"), "https_connect", "a.example", 8443, "CONNECT",
          false},
         {asking("a.example"), "https_connect", "a.example", 443, "CONNECT", false},
         {asking("[::1]:22"), "https_connect", "::1", 22, "CONNECT", false},
         {asking("https://a.example/", "POST", protocol::http), "https", "a.example", 443, "POST",
          false},
         {asking("a.example:81", "GET", protocol::http), "http", "a.example", 81, "GET", false},
         {asking("http://a.example/", "GET", protocol::https_connect), "https_connect", "a.example",
          80, "CONNECT", false},
         {asking("ws://a.example/"), "http", "a.example", 80, "GET", true},
         {asking("wss://a.example/"), "https_connect", "a.example", 443, "CONNECT", false},
         {asking("a.example:25", "GET", protocol::socks5_tcp), "socks5_tcp", "a.example", 25, "",
          false},
         {asking("http://0x7f.1/"), "http", "127.0.0.1", 80, "GET", false},
       }) {
    CAF_MESSAGE(q.address);
    auto what = unbox(parse_question(q));
    CAF_CHECK_EQUAL(policy::to_string(what.target.protocol), protocol);
    CAF_CHECK_EQUAL(what.target.host.text(), host);
    CAF_CHECK_EQUAL(what.target.port, port);
    CAF_CHECK_EQUAL(what.target.method, method);
    CAF_CHECK_EQUAL(what.target.upgrade, upgrade);
    CAF_CHECK_EQUAL(what.words, q.method + ' ' + q.address);
  }
}

CAF_TEST(fields of the request count) {
  auto q = asking("http://a.example/");
  q.headers = {"Connection: upgrade", "Upgrade: websocket"};
  CAF_CHECK(unbox(parse_question(q)).target.upgrade);
  q.headers = {"Host: a.example:80"};
  CAF_CHECK(parse_question(q));
  q.headers = {"Host: b.example"};
  CAF_CHECK_EQUAL(error_of(parse_question(q)), errc::malformed);
}

CAF_TEST(a request for a unix socket is judged by that and not by its host) {
  auto in_force = snapshot_of(rules_of({"allowed.example"}));
  auto config = std::make_shared<config::proxy_config>();
  config->allow_unix_sockets = {"/run/a.sock"};
  in_force.config = config;
  for (auto header : {"x-unix-socket: /run/a.sock", "X-Unix-Socket:"}) {
    auto q = asking("http://denied.example/");
    q.headers = {header};
    auto what = parse_question(q);
    CAF_REQUIRE(what);
    CAF_CHECK_EQUAL(name_to_resolve(in_force, *what), "");
    auto e = explain(in_force, *what, dns_answer{});
    CAF_CHECK_EQUAL(e.host, "unix-socket");
    CAF_CHECK_EQUAL(e.port, 0);
    CAF_CHECK(!e.domain_scope);
    CAF_CHECK_EQUAL(e.source, "proxy_state");
#ifndef __APPLE__
    CAF_CHECK_EQUAL(e.reason, "unix_socket_unsupported");
    CAF_CHECK_EQUAL(e.status, 501);
#endif
  }
  // Of a tunnel, or inside of one, it says nothing.
  auto inside = asking("https://allowed.example/");
  inside.headers = {"x-unix-socket: /run/a.sock"};
  auto e = explained(in_force, inside, addresses("203.0.113.1"));
  CAF_CHECK_EQUAL(e.host, "allowed.example");
  // One that is no text is what is wrong with the request.
  auto twice = asking("http://allowed.example/");
  twice.headers = {"x-unix-socket: /a", "x-unix-socket: /a"};
  CAF_CHECK_EQUAL(explained(in_force, twice, addresses("203.0.113.1")).status, 400);
}

CAF_TEST(what no request could ask is malformed) {
  for (auto& q :
       {asking(""), asking("http://"), asking("ftp://a.example/"), asking("http://a..example/"),
        asking("http://a.example:0/"), asking("http://a.example:99999/"), asking("http://a b/"),
        asking("http://a.example/", "G T"), asking("http://a.example/", ""),
        asking("http://a.example/\r\nX: y"),
        asking("http://a.example/", "GET / HTTP/1.1\r\nX: y\r\n\r\n"),
        asking("http://user@a.example/"), asking("::1")}) {
    CAF_MESSAGE(q.method << ' ' << q.address);
    CAF_CHECK_EQUAL(error_of(parse_question(q)), errc::malformed);
  }
  auto q = asking("http://a.example/");
  q.headers = {"X: y\r\nZ: z"};
  CAF_CHECK_EQUAL(error_of(parse_question(q)), errc::malformed);
}

CAF_TEST(a name is looked up only when the verdict depends on it) {
  auto rules = rules_of({"good.example", "127.0.0.1", "localhost"}, {"bad.example"});
  rules.mitm = true;
  policy::test::set_mode(rules, policy::mode::limited);
  auto in_force = snapshot_of(rules);
  struct row {
    std::string_view address, name;
    std::string_view method = "GET";
  };
  for (auto& [address, name, method] : std::initializer_list<row>{
         {"http://good.example/", "good.example"},
         {"https://good.example/", "good.example"},
         {"http://good.example/", "", "POST"},              // the mode is judged first
         {"https://good.example/", "good.example", "POST"}, // a tunnel is dialled before it is read
         {"http://bad.example/", ""},
         {"http://other.example/", ""},
         {"http://127.0.0.1/", ""},
         {"http://localhost/", ""},
       }) {
    CAF_MESSAGE(address);
    auto what = unbox(parse_question(asking(std::string{address}, std::string{method})));
    CAF_CHECK_EQUAL(name_to_resolve(in_force, what), name);
  }
}

CAF_TEST(the json of an allowed request is complete) {
  auto e = explained(rules_of({"x.example", "good.example"}), asking("http://good.example/path"),
                     addresses("93.184.216.34"));
  CAF_CHECK(e.goes_through());
  CAF_CHECK_EQUAL(e.response, "");
  auto told = json::parse(to_json(e));
  auto steps = told["steps"];
  told.erase("steps");
  auto expected =
    json::parse(R"({"decision":"allow","reason":"allow","source":"baseline_policy","scope":"domain",
    "status":200,"x_proxy_error":null,"host":"good.example","port":80,"protocol":"http","method":"GET","mode":"full",
    "mitm":false,"hook":null,"addresses":["93.184.216.34"],
    "rule":{"text":"good.example","file":"config.toml","line":2},"remedy":null})");
  CAF_CHECK_EQUAL(told.dump(), expected.dump());
  CAF_REQUIRE(steps.size() >= 5);
  CAF_CHECK_EQUAL(steps.front()["name"], "host");
  CAF_CHECK_EQUAL(steps.back()["name"], "addresses");
}

CAF_TEST(a refusal names its reason and what a client would get) {
  auto rules = rules_of({"good.example", "*.wide.example"}, {"bad.wide.example", "192.0.2.0/24"});
  auto limited = rules;
  policy::test::set_mode(limited, policy::mode::limited);
  struct row {
    const policy::rules& rules;
    question q;
    std::string_view address; ///< What the name resolves to.
    std::string_view reason, header, scope, rule;
  };
  for (auto& [in_force, q, address, reason, header, scope, rule] : std::initializer_list<row>{
         {rules, asking("http://other.example/"), "::", "not_allowed", "blocked-by-allowlist",
          "domain", ""},
         {rules, asking("http://bad.wide.example/"), "::", "denied", "blocked-by-denylist",
          "domain", "bad.wide.example"},
         {rules, asking("http://10.0.0.1/"), "::", "not_allowed_local", "blocked-by-allowlist",
          "domain", ""},
         {rules, asking("http://good.example/"), "10.0.0.1", "not_allowed_local",
          "blocked-by-allowlist", "domain", ""},
         {rules, asking("http://good.example/"), "192.0.2.7", "denied", "blocked-by-denylist",
          "domain", "192.0.2.0/24"},
         {limited, asking("http://good.example/", "POST"), "::", "method_not_allowed",
          "blocked-by-method-policy", "non_domain", ""},
         {limited, asking("https://good.example/"), "::", "mitm_required",
          "blocked-by-mitm-required", "non_domain", ""},
       }) {
    CAF_MESSAGE(q.method << ' ' << q.address << ' ' << address);
    auto e = explained(in_force, q, addresses(address));
    CAF_CHECK(!e.goes_through());
    auto told = json::parse(to_json(e));
    CAF_CHECK_EQUAL(told["decision"], "deny");
    CAF_CHECK_EQUAL(told["reason"], reason);
    CAF_CHECK_EQUAL(told["status"], 403);
    CAF_CHECK_EQUAL(told["x_proxy_error"], header);
    CAF_CHECK_EQUAL(told["scope"], scope);
    CAF_CHECK_EQUAL(e.rule ? e.rule->text : "", rule);
    CAF_CHECK(
      e.response.starts_with("HTTP/1.1 403 Blocked by policy: " + std::string{reason} + ' '));
    CAF_CHECK(e.response.find("x-proxy-error: " + std::string{header} + "\r\n") !=
              std::string::npos);
  }
}

CAF_TEST(a name that does not resolve is no policy verdict) {
  auto rules = rules_of({"good.example"});
  auto e = explained(rules, asking("http://good.example/"),
                     caf::make_error(errc::dns_error, std::string{"good.example: no such name"}));
  auto told = json::parse(to_json(e));
  CAF_CHECK_EQUAL(told["decision"], "allow");
  CAF_CHECK_EQUAL(told["reason"], "dns_error");
  CAF_CHECK_EQUAL(told["status"], 502);
  CAF_CHECK(told["x_proxy_error"].is_null());
  CAF_CHECK(told["source"].is_null());
  CAF_CHECK(!e.goes_through());
  CAF_CHECK(to_text(e, false).starts_with("ERROR GET http://good.example/\n"));
  auto late = explained(rules, asking("http://good.example/"),
                        caf::make_error(errc::dns_timeout, std::string{"good.example"}));
  CAF_CHECK_EQUAL(late.status, 504);
}

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

CAF_TEST(behind an upstream proxy the request inside is judged as well) {
  auto rules = rules_of({"api.test"});
  rules.mitm = true;
  policy::test::set_hooks(rules, policy::test::hooks_of({{.paths = {"/v1/"}}}));
  auto none = caf::make_error(errc::dns_error, std::string{"no name"});
  auto in_force = behind_proxies(rules);
  auto denied = explained(in_force, asking("https://api.test/v2/"), none);
  CAF_CHECK_EQUAL(denied.reason, "mitm_hook_denied");
  auto passed = explained(in_force, asking("https://api.test/v1/"), none);
  CAF_CHECK(passed.goes_through());
}

CAF_TEST(the upstream proxy for a target is a step of its own and its credentials are none) {
  auto in_force = behind_proxies(rules_of({"**.example", "127.0.0.1"}, {"bad.example"}));
  struct row {
    question q;
    std::string_view outcome; ///< "" when no proxy has a part in it.
  };
  for (auto& [q, outcome] : std::initializer_list<row>{
         {asking("http://a.example/"), "via http://plain.test:8080"},
         {asking("ws://a.example/"), "via http://plain.test:8080"},
         {asking("https://a.example/"), "via https://[2001:db8::1]:443"},
         {asking("https://a.example/", "GET", policy::protocol::http),
          "via https://[2001:db8::1]:443"},
         {asking("a.example:22", "GET", policy::protocol::socks5_tcp),
          "via https://[2001:db8::1]:443"},
         {asking("a.example:53", "GET", policy::protocol::socks5_udp), ""},
         {asking("http://direct.example/"), ""},
         {asking("http://127.0.0.1/"), ""},
         {asking("http://bad.example/"), ""},
         {asking("http://other.test/"), ""},
       }) {
    CAF_MESSAGE(q.address);
    auto e = explained(in_force, q, addresses("93.184.216.34"));
    std::string found;
    for (auto& step : e.steps)
      if (step.name == "upstream_proxy")
        found += step.outcome;
    CAF_CHECK_EQUAL(found, outcome);
    CAF_CHECK_EQUAL(to_json(e).find("secret"), std::string::npos);
    CAF_CHECK_EQUAL(to_text(e, false).find("secret"), std::string::npos);
  }
}

CAF_TEST(behind an upstream proxy a name that resolves is judged by its addresses too) {
  auto in_force = behind_proxies(rules_of({"**.example"}));
  auto q = asking("http://a.example/");
  auto local = explained(in_force, q, addresses("10.0.0.1"));
  CAF_CHECK_EQUAL(local.reason, "not_allowed_local");
  CAF_CHECK_EQUAL(local.status, 403);
  auto unknown = explained(in_force, q, caf::make_error(errc::dns_error, std::string{"no name"}));
  CAF_CHECK(unknown.goes_through());
  CAF_CHECK_EQUAL(unknown.reason, "allow");
  CAF_CHECK_EQUAL(unknown.source, "baseline_policy");
  CAF_CHECK(unknown.addresses.empty());
  CAF_CHECK_EQUAL(unknown.response, "");
  CAF_CHECK_EQUAL(unknown.steps.back().name, "resolve");
  CAF_CHECK(unknown.steps.back().outcome.starts_with("dns_error: no name; "));
  auto direct = explained(in_force, asking("http://direct.example/"),
                          caf::make_error(errc::dns_error, std::string{"no name"}));
  CAF_CHECK_EQUAL(direct.status, 502);
}

CAF_TEST(a request that cannot be read is explained too) {
  auto e = explained(rules_of({"good.example"}), asking("http://a..example/"));
  auto told = json::parse(to_json(e));
  CAF_CHECK_EQUAL(told["status"], 400);
  CAF_CHECK_EQUAL(told["decision"], "deny");
  CAF_CHECK_EQUAL(told["reason"], "malformed");
  CAF_CHECK(told["host"].is_null());
  CAF_CHECK_EQUAL(told["steps"].size(), 1u);
}

CAF_TEST(people read the verdict first and see the rule and its place) {
  auto e =
    explained(rules_of({"*.example"}, {"bad.example"}), asking("http://bad.example/", "DELETE"));
  auto text = to_text(e, false);
  CAF_CHECK(text.starts_with("DENY DELETE http://bad.example/\n"));
  for (auto part :
       {"denied (baseline_policy)", "bad.example at config.toml:1", "  denied_domains: matches",
        "  HTTP/1.1 403 Blocked by policy: denied bad.example\n",
        "  x-proxy-error: blocked-by-denylist\n"}) {
    CAF_MESSAGE(part);
    CAF_CHECK(text.find(part) != std::string::npos);
  }
  CAF_CHECK_EQUAL(text.find('\x1b'), std::string::npos);
  CAF_CHECK_EQUAL(text.find('\r'), std::string::npos);
  CAF_CHECK(to_text(e, true).starts_with("\x1b[31mDENY\x1b[0m DELETE"));
  auto allowed = explained(rules_of({"*.example"}), asking("https://a.example/", "POST"),
                           addresses("93.184.216.34"));
  CAF_CHECK(to_text(allowed, false).starts_with("ALLOW POST https://a.example/\n"));
}

CAF_TEST(words of a question cannot draw on the terminal) {
  auto e = explained(rules_of({"a.example"}), asking("http://a\x1b[31m.example/"));
  CAF_CHECK_EQUAL(to_text(e, false).find('\x1b'), std::string::npos);
}
