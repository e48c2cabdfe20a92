#define CAF_SUITE actors.admin.explain_upstream
#include "actors/admin/explain.hpp" // unit under test

#include "tests/actors/admin/explaining.hpp"
#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Rules where the environment names a proxy for each kind of target.
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

} // namespace

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
