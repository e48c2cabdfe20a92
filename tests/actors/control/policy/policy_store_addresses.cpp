#define CAF_SUITE actors.control.policy.policy_store_addresses
#include "actors/control/policy/policy_store_behavior.hpp" // unit under test

#include "tests/actors/control/policy/policy_store_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// The listeners stand on every address of the machine.
struct wildcard_fixture : policy_store_fixture {
  wildcard_fixture() : policy_store_fixture("0.0.0.0") {}

  bool is_own(std::string_view address) {
    return policy::is_own_listener(*current()->rules, unbox(host::parse(address)),
                                   first.listeners[0]->port);
  }
};

const auto one = std::vector{ip_address::v4(0xCB007101)};
const auto two = std::vector{ip_address::v4(0xCB007101), ip_address::v4(0xCB007102)};

} // namespace

CAF_TEST_FIXTURE_SCOPE(wildcard_tests, wildcard_fixture)

CAF_TEST(an address that comes is a generation of its own) {
  auto before = current();
  CAF_CHECK(!is_own("203.0.113.2"));
  move_machine(two);
  CAF_REQUIRE_EQUAL(shards[0]->snapshots.size(), 1u);
  CAF_CHECK(shards[1]->snapshots == shards[0]->snapshots);
  auto now = current();
  CAF_CHECK_EQUAL(now->generation, 2u);
  CAF_CHECK_EQUAL(now->rules->generation, 2u);
  CAF_CHECK(now->config == before->config);
  CAF_CHECK(now->rules->table == before->rules->table);
  CAF_CHECK(is_own("203.0.113.2") && is_own("203.0.113.1") && is_own("::ffff:203.0.113.2"));
  acknowledge();
  move_machine(two); // nothing new
  CAF_CHECK_EQUAL(current()->generation, 2u);
  move_machine(one);
  acknowledge();
  CAF_CHECK_EQUAL(current()->generation, 3u);
  CAF_CHECK(!is_own("203.0.113.2") && is_own("203.0.113.1"));
}

CAF_TEST(addresses that cannot be read stay what they were) {
  move_machine(two);
  acknowledge();
  move_machine(std::nullopt);
  CAF_CHECK_EQUAL(current()->generation, 2u);
  CAF_CHECK(is_own("203.0.113.2"));
  auto done = reload();
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(done), 3u);
  CAF_CHECK(is_own("203.0.113.2"));
  CAF_CHECK(log().find("msg=addresses_unread") != std::string::npos);
  addresses = one;
  pass(addresses_pause);
  acknowledge();
  CAF_CHECK_EQUAL(current()->generation, 4u);
  CAF_CHECK(!is_own("203.0.113.2"));
}

CAF_TEST(addresses that could not be read are read again after a pause) {
  move_machine(std::nullopt);
  move_machine(std::nullopt);
  addresses = two;
  CAF_CHECK(!is_own("203.0.113.2"));
  pass(addresses_pause);
  CAF_CHECK(is_own("203.0.113.2"));
  acknowledge();
  CAF_CHECK_EQUAL(current()->generation, 2u);
}

CAF_TEST(what was set at run time and what the files say now are left alone) {
  (void)set_mode(policy::mode::limited);
  acknowledge();
  configure("mode = \"ful\"");
  move_machine(two);
  acknowledge();
  CAF_CHECK_EQUAL(current()->generation, 3u);
  CAF_CHECK(current()->rules->mode == policy::mode::limited);
  CAF_CHECK(is_own("203.0.113.2"));
}

CAF_TEST(addresses wait for the change under way and one wait is enough) {
  auto begun = set_mode(policy::mode::limited);
  move_machine(one);
  move_machine(two);
  auto behind = set_mode(policy::mode::full);
  CAF_CHECK_EQUAL(shards[0]->snapshots.size(), 1u);
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(begun), 2u);
  CAF_REQUIRE_EQUAL(shards[0]->snapshots.size(), 2u);
  CAF_CHECK(shards[0]->snapshots[1]->rules->local_addresses == two);
  acknowledge();
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(behind), 4u);
  CAF_CHECK_EQUAL(shards[0]->snapshots.size(), 3u);
}

CAF_TEST(a proxy that shuts down moves no more) {
  self->send(store, atom::drain_v);
  move_machine(two);
  CAF_CHECK(shards[0]->snapshots.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
