#define CAF_SUITE actors.control.policy.policy_store_switches
#include "actors/control/policy/policy_store_behavior.hpp" // unit under test

#include "tests/actors/control/policy/policy_store_fixture.hpp"

using namespace proxy;
using namespace proxy::test;
using config::test::newer;

CAF_TEST_FIXTURE_SCOPE(policy_store_switches_tests, policy_store_fixture)

CAF_TEST(disabling keeps the admin listener alone) {
  write("config.toml",
        newer("enabled = false\n") + "\n[network_proxy]\nadmin_url = \"http://127.0.0.1:0\"\n");
  (void)reload();
  CAF_REQUIRE_EQUAL(shards[0]->listeners[0].size(), 1u);
  CAF_CHECK(shards[0]->listeners[0][0] == first.listeners[1]);
  CAF_CHECK(!shards[0]->snapshots[0]->rules->enabled);
  acknowledge();
}

CAF_TEST(a switched mode changes nothing else and survives reloads until it is lifted) {
  auto done = set_mode(policy::mode::limited);
  auto& switched = *shards[0]->snapshots[0];
  CAF_CHECK(switched.rules->mode == policy::mode::limited);
  CAF_CHECK(
    switched.rules->table->find(policy::action::allow, unbox(host::parse("a.example")), 80, {}));
  CAF_CHECK(shards[0]->listeners[0] == first.listeners);
  acknowledge();
  CAF_REQUIRE_EQUAL(generation_of(done), 2u);
  CAF_CHECK_EQUAL(changed_by(done), "permissions.dev.network.mode");
  (void)reload();
  CAF_CHECK(shards[0]->snapshots[1]->rules->mode == policy::mode::limited);
  CAF_CHECK(shards[0]->snapshots[1]->config->mode_override == policy::mode::limited);
  CAF_CHECK(shards[0]->snapshots[1]->config->mode_of_layers == policy::mode::full);
  acknowledge();
  auto lifted = lift_mode();
  CAF_CHECK(shards[0]->snapshots[2]->rules->mode == policy::mode::full);
  CAF_CHECK(!shards[0]->snapshots[2]->config->mode_override);
  acknowledge();
  CAF_CHECK_EQUAL(changed_by(lifted), "permissions.dev.network.mode");
  (void)reload();
  CAF_CHECK(shards[0]->snapshots[3]->rules->mode == policy::mode::full);
  acknowledge();
}

CAF_TEST(a reload that waits behind a switched mode keeps it) {
  (void)set_mode(policy::mode::limited);
  (void)reload();
  acknowledge();
  CAF_CHECK(shards[0]->snapshots[1]->rules->mode == policy::mode::limited);
  acknowledge();
}

CAF_TEST(a switch that is refused is not kept) {
  configure("allowed_domains = 1");
  auto done = set_mode(policy::mode::limited);
  CAF_CHECK(!(*done)->report);
  configure("");
  (void)reload();
  CAF_CHECK(shards[0]->snapshots[0]->rules->mode == policy::mode::full);
  acknowledge();
}

CAF_TEST(a switched mode that the managed layer forbids later does not keep its policy out) {
  (void)set_mode(policy::mode::full);
  acknowledge();
  write("managed.toml", newer("mode = \"limited\"\n"));
  auto done = reload();
  CAF_CHECK(shards[0]->snapshots[1]->rules->mode == policy::mode::limited);
  CAF_CHECK(!shards[0]->snapshots[1]->config->mode_override);
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(done), 3u);
}

CAF_TEST(an added pattern changes nothing else and survives reloads) {
  auto allows = [this](size_t n, std::string_view name) {
    const auto& table = *shards[0]->snapshots.at(n)->rules->table;
    return static_cast<bool>(table.find(policy::action::allow, unbox(host::parse(name)), 80, {}));
  };
  auto done = add_allowed("B.example");
  CAF_CHECK(allows(0, "a.example"));
  CAF_CHECK(allows(0, "b.example"));
  CAF_CHECK(shards[0]->listeners[0] == first.listeners);
  acknowledge(0, 2);
  acknowledge(1, 0);
  CAF_REQUIRE_EQUAL(generation_of(done), 2u);
  CAF_CHECK_EQUAL(changed_by(done), "permissions.dev.network.allowed_domains");
  CAF_CHECK_EQUAL((*done)->report->closed_tunnels, 2u);
  (void)set_mode(policy::mode::limited);
  acknowledge();
  configure("allowed_domains = []");
  (void)reload();
  acknowledge();
  CAF_CHECK(!allows(2, "a.example"));
  CAF_CHECK(allows(2, "b.example"));
  CAF_CHECK(shards[0]->snapshots[2]->rules->mode == policy::mode::limited);
  auto again = add_allowed("b.example");
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(again), 5u);
  CAF_CHECK_EQUAL(changed_by(again), "");
}

CAF_TEST(what is added last counts and what is denied stays so) {
  auto denies = [this](std::string_view name) {
    const auto& table = *current()->rules->table;
    return static_cast<bool>(table.find(policy::action::deny, unbox(host::parse(name)), 80, {}));
  };
  (void)add_denied("a.example");
  acknowledge();
  CAF_CHECK(denies("a.example"));
  (void)add_allowed("a.example");
  acknowledge();
  CAF_CHECK(!denies("a.example"));
  CAF_CHECK(current()->config->added == (config::added_patterns{{"a.example"}, {}}));
  configure("denied_domains = [\"a.example\"]");
  (void)reload();
  acknowledge();
  (void)add_allowed("a.example"); // never off a file's list
  acknowledge();
  CAF_CHECK(denies("a.example"));
}

CAF_TEST(patterns that are added one behind the other are all there) {
  (void)add_allowed("b.example");
  (void)add_denied("c.example");
  (void)add_allowed("d.example");
  for (auto i = 0; i < 3; ++i)
    acknowledge();
  CAF_CHECK(current()->config->added ==
            (config::added_patterns{{"b.example", "d.example"}, {"c.example"}}));
}

CAF_TEST(a pattern that is refused is not kept) {
  write("managed.toml", newer("allowed_domains = [\"a.example\"]\n"));
  for (auto refused : {add_allowed("*"), add_denied(""), add_allowed("b.example")}) {
    CAF_REQUIRE(refused->has_value());
    CAF_CHECK(!(*refused)->report);
    CAF_CHECK(!problem_of(refused).empty());
  }
  CAF_CHECK(shards[0]->snapshots.empty());
  auto done = add_denied("b.example");
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(done), 2u);
  CAF_CHECK(current()->config->added == (config::added_patterns{{}, {"b.example"}}));
}

CAF_TEST(an added pattern that the managed layer forbids later does not keep its policy out) {
  (void)add_allowed("b.example");
  acknowledge();
  write("managed.toml", newer("allowed_domains = [\"a.example\"]\n"));
  auto done = reload();
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(done), 3u);
  CAF_CHECK(current()->config->added == config::added_patterns{});
  CAF_CHECK(log().find("msg=config_warning") != std::string::npos);
}

CAF_TEST(enabling brings the admin listener and disabling keeps what is there) {
  // As after a start with enabled = false: nothing is bound.
  auto off = [this](bool enabled) {
    write("config.toml", newer(std::string{"enabled = "} + (enabled ? "true" : "false") +
                               "\nenable_socks5 = false\nproxy_url = \"127.0.0.1:0\"\n") +
                           "\n[network_proxy]\nadmin_url = \"http://127.0.0.1:0\"\n");
  };
  off(false);
  auto bound = [this](const listener_set& before) { return prepare(from(), 1, before).listeners; };
  CAF_CHECK_EQUAL(bound({}).size(), 0u);
  off(true);
  auto open = bound({});
  CAF_CHECK_EQUAL(open.size(), 2u);
  off(false);
  auto left = bound(open);
  CAF_REQUIRE_EQUAL(left.size(), 1u);
  CAF_CHECK(left[0]->serves == endpoint::admin);
  CAF_CHECK(left[0] == open[1]);
}

CAF_TEST(a mode that the managed layer does not allow is refused) {
  write("managed.toml", newer("mode = \"limited\"\n"));
  auto done = set_mode(policy::mode::full);
  CAF_REQUIRE(done->has_value());
  CAF_CHECK(!(*done)->report);
  CAF_CHECK(!(*done)->problems.empty());
  CAF_CHECK(shards[0]->snapshots.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
