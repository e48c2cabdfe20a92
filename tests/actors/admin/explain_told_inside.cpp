#define CAF_SUITE actors.admin.explain_told_inside
#include "actors/admin/explain.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using json = nlohmann::json;

CAF_TEST(a refusal that is told inside a tunnel is shown as it is told there) {
  auto config = std::make_shared<config::proxy_config>();
  config->mitm.enabled = true;
  config->refusals = "inside";
  auto rules = policy::test::allowing({"good.test"});
  snapshot in_force;
  in_force.rules = std::make_shared<policy::rules>(rules);
  in_force.config = config;
  auto told = [&](const char* address) {
    question q;
    q.address = address;
    dns_answer found{{*ip_address::parse("93.184.216.34")}};
    return explain(in_force, unbox(parse_question(q)), found);
  };
  auto e = told("https://evil.test/");
  CAF_CHECK(e.told_inside);
  CAF_CHECK_EQUAL(e.status, 403);
  CAF_CHECK(e.response.find("connection: close") != std::string::npos);
  CAF_CHECK(e.response.find("application/json") != std::string::npos);
  CAF_CHECK(json::parse(to_json(e))["told_inside"].get<bool>());
  auto text = to_text(e, false);
  CAF_CHECK(text.find("inside its tunnel, as CONNECT is answered with 200") != std::string::npos);
  CAF_CHECK(!told("http://evil.test/").told_inside);
  CAF_CHECK(!told("https://good.test/").told_inside);
  config->refusals = "auto";
  CAF_CHECK(!told("https://evil.test/").told_inside);
  config->made_environment = true;
  CAF_CHECK(told("https://evil.test/").told_inside);
  CAF_CHECK(!told("https://evil.test:8443/").told_inside);
  config->mitm.enabled = false;
  CAF_CHECK(!told("https://evil.test/").told_inside);
}
