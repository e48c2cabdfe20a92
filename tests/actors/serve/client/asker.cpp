#define CAF_SUITE actors.serve.client.asker
#include "actors/serve/client/asker.hpp" // unit under test, as flows meet it

#include "tests/actors/rules_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

using std::chrono::system_clock;

// Of users with the passwords `password-of-alice` and `password-of-bob`.
const std::string alice = "Proxy-Authorization: Basic YWxpY2U6cGFzc3dvcmQtb2YtYWxpY2U=\r\n";
const std::string bob = "Proxy-Authorization: Basic Ym9iOnBhc3N3b3JkLW9mLWJvYg==\r\n";

struct fixture : rules_fixture {
  /// A rule that lets through what goes to the origin.
  static policy::rule allowing() { return rule_for(policy::action::allow, "127.0.0.1"); }

  /// A policy that has to know who asks.
  uint64_t install_for_users(std::vector<policy::rule> more) {
    auto base = compiled("enabled = true\n");
    auto next = std::make_shared<snapshot>(*with_rules(base, std::move(more)));
    auto with_users = std::make_shared<config::proxy_config>(*next->config);
    with_users->socks_users = {{"alice", "env:A", "password-of-alice"},
                               {"bob", "env:B", "password-of-bob"}};
    next->config = std::move(with_users);
    return answer<uint64_t>(atom::install_v, snapshot_ptr{std::move(next)}, base.listeners);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(asker_tests, fixture)

CAF_TEST(a rule with an end holds until its moment has come) {
  for (auto hours : {1, -1}) {
    CAF_MESSAGE(hours);
    for (auto connect : {false, true}) {
      auto r = allowing();
      r.until = std::chrono::system_clock::now() + std::chrono::hours{hours};
      (void)install_rules("", {r});
      auto c = client();
      auto came_to = outcome_of(c, connect ? connect_head() : get());
      CAF_CHECK_EQUAL(came_to == "through", hours > 0);
    }
  }
  CAF_CHECK_EQUAL(refusal(), "not_allowed_local, baseline_policy, deny");
}

CAF_TEST(a rule for some clients holds for what they ask alone) {
  auto r = allowing();
  r.who = {"alice"};
  (void)install_for_users({r});
  for (auto connect : {false, true})
    for (auto& [fields, goes] : {std::pair{alice, true}, std::pair{bob, false}}) {
      CAF_MESSAGE(fields);
      auto c = client();
      auto came_to = outcome_of(c, connect ? connect_head(fields) : get(fields));
      CAF_CHECK_EQUAL(came_to == "through", goes);
    }
  CAF_CHECK_EQUAL(refusal(), "not_allowed_local, baseline_policy, deny");
}

CAF_TEST(a tunnel that stands is judged for the client that opened it and by the time of now) {
  auto r = allowing();
  r.who = {"alice"};
  r.until = system_clock::now() + std::chrono::hours{1};
  (void)install_for_users({r});
  auto c = client();
  CAF_REQUIRE_EQUAL(outcome_of(c, connect_head(alice)), "through");
  CAF_REQUIRE(hears(c, "200 Connection established\r\n\r\n"));
  CAF_CHECK_EQUAL(install_for_users({r}), 0u);
  c.send("ping");
  CAF_CHECK(hears(far, "ping"));
  auto then = r;
  then.until = system_clock::now() - std::chrono::hours{1};
  CAF_CHECK_EQUAL(install_for_users({then}), 1u);

  auto again = client();
  (void)install_for_users({r});
  CAF_REQUIRE_EQUAL(outcome_of(again, connect_head(alice)), "through");
  CAF_REQUIRE(hears(again, "200 Connection established\r\n\r\n"));
  r.who = {"bob"};
  CAF_CHECK_EQUAL(install_for_users({r}), 1u);
}

CAF_TEST(a clock that no rule needs is not read) {
  snapshot none;
  none.rules = policy::deny_all();
  CAF_CHECK(!moment_for(none, this_machine().clock));
  auto ends = allowing();
  ends.until = system_clock::now();
  auto rules = policy::test::allowing({});
  policy::test::add_rules(rules, {ends});
  snapshot some;
  some.rules = std::make_shared<policy::rules>(rules);
  CAF_CHECK(moment_for(some, this_machine().clock).has_value());
}

CAF_TEST_FIXTURE_SCOPE_END()
