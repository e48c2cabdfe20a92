#define CAF_SUITE actors.admin.explain
#include "actors/admin/explain.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "tests/actors/admin/explaining.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;
using json = nlohmann::json;

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

CAF_TEST(a request that cannot be read is explained too) {
  auto e = explained(rules_of({"good.example"}), asking("http://a..example/"));
  auto told = json::parse(to_json(e));
  CAF_CHECK_EQUAL(told["status"], 400);
  CAF_CHECK_EQUAL(told["decision"], "deny");
  CAF_CHECK_EQUAL(told["reason"], "malformed");
  CAF_CHECK(told["host"].is_null());
  CAF_CHECK_EQUAL(told["steps"].size(), 1u);
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
