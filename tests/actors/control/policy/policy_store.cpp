#define CAF_SUITE actors.control.policy.policy_store
#include "actors/control/policy/policy_store_behavior.hpp" // unit under test

#include "tests/actors/control/policy/policy_store_fixture.hpp"

using namespace proxy;
using namespace proxy::test;
using config::test::newer;

CAF_TEST_FIXTURE_SCOPE(policy_store_tests, policy_store_fixture)

CAF_TEST(a change is answered when every shard has acknowledged it) {
  configure("allowed_domains = [\"b.example\"]", "audit.output = \"stderr\"");
  auto done = reload();
  for (auto& shard : shards) {
    CAF_REQUIRE_EQUAL(shard->snapshots.size(), 1u);
    CAF_CHECK_EQUAL(shard->snapshots[0]->generation, 2u);
    CAF_CHECK(shard->listeners[0] == first.listeners);
  }
  CAF_CHECK(shards[0]->snapshots[0] == shards[1]->snapshots[0]);
  CAF_CHECK_EQUAL(*audit_output, "stderr");
  CAF_CHECK(!done->has_value());
  acknowledge(1, 3);
  CAF_CHECK(!done->has_value());
  acknowledge(0, 4);
  CAF_REQUIRE_EQUAL(generation_of(done), 2u);
  CAF_CHECK_EQUAL((*done)->report->closed_tunnels, 7u);
  CAF_CHECK_EQUAL(changed_by(done),
                  "permissions.dev.network.allowed_domains network_proxy.audit.output");
  CAF_CHECK(current() == shards[0]->snapshots[0]);
}

CAF_TEST(changes are made one after the other in their order) {
  auto one = reload();
  auto two = set_mode(policy::mode::limited);
  auto three = reload();
  for (uint64_t n = 1; n <= 3; ++n) {
    CAF_MESSAGE("change " << n);
    CAF_CHECK_EQUAL(shards[0]->snapshots.size(), n);
    CAF_CHECK_EQUAL(shards[1]->snapshots.size(), n);
    CAF_CHECK_EQUAL(shards[0]->owed.size(), 1u);
    acknowledge();
  }
  CAF_CHECK_EQUAL(generation_of(one), 2u);
  CAF_CHECK_EQUAL(generation_of(two), 3u);
  CAF_CHECK_EQUAL(generation_of(three), 4u);
}

CAF_TEST(a change that waits reads the files when its turn comes) {
  (void)reload();
  auto waiting = reload();
  configure("mode = \"limited\"");
  acknowledge();
  CAF_CHECK(shards[0]->snapshots[1]->rules->mode == policy::mode::limited);
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(waiting), 3u);
}

CAF_TEST(more changes than may wait are refused) {
  auto begun = reload();
  std::vector<pending> waiting;
  for (size_t i = 0; i < max_waiting_changes; ++i)
    waiting.push_back(reload());
  CAF_CHECK_EQUAL(problem_of(reload()), "too many changes are waiting");
  CAF_CHECK(std::none_of(waiting.begin(), waiting.end(), [](auto& w) { return w->has_value(); }));
  configure("mode = \"ful\"");
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(begun), 2u);
  CAF_CHECK(std::all_of(waiting.begin(), waiting.end(), [](auto& w) { return w->has_value(); }));
}

CAF_TEST(a change with problems leaves policy and listeners as they are) {
  auto before = current();
  struct row {
    std::string lines;
    std::string_view problem;
  };
  auto taken = std::to_string(first.listeners[0]->port);
  for (auto& [lines, problem] : std::initializer_list<row>{
         {"mode = \"ful\"", "ful"},
         {"allowed_domains = [\"*\"]", "*"},
         {"dangerously_allow_non_loopback_proxy = 1", "true or false"},
       }) {
    CAF_MESSAGE(lines);
    configure(lines);
    auto done = reload();
    CAF_REQUIRE(done->has_value());
    CAF_CHECK(!(*done)->report);
    CAF_CHECK(problem_of(done).find(problem) != std::string::npos);
    CAF_CHECK(current() == before);
    CAF_CHECK(listeners() == first.listeners);
    CAF_CHECK(shards[0]->snapshots.empty());
  }
  configure("");
  auto good = reload();
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(good), 2u);
}

CAF_TEST(an address that cannot be bound refuses the whole change) {
  auto before = current();
  auto other = unbox(bind_listener(endpoint::http, {.ip = "127.0.0.1", .port = 0, .path = {}}));
  write("config.toml", newer("enabled = true\nenable_socks5 = false\nproxy_url = \"127.0.0.1:" +
                             std::to_string(other->port) + "\"\n") +
                         "mode = \"limited\"\n[network_proxy]\nadmin_url = \"\"\n");
  auto done = reload();
  CAF_REQUIRE(done->has_value());
  CAF_CHECK(!(*done)->report);
  CAF_CHECK_EQUAL((*done)->problems.back().key, "proxy_url");
  CAF_CHECK(current() == before);
  CAF_CHECK(listeners() == first.listeners);
  CAF_CHECK(shards[0]->snapshots.empty());
}

CAF_TEST(listeners whose address stays are kept and new ones are bound before they are pushed) {
  write("config.toml",
        newer("enabled = true\nenable_socks5 = false\nproxy_url = \"127.0.0.2:0\"\n") +
          "\n[network_proxy]\nadmin_url = \"http://127.0.0.1:0\"\n");
  auto done = reload();
  auto& now = shards[0]->listeners[0];
  CAF_REQUIRE_EQUAL(now.size(), 2u);
  CAF_CHECK(now[0] != first.listeners[0]);
  CAF_CHECK_EQUAL(now[0]->ip.str(), "127.0.0.2");
  CAF_CHECK(now[1] == first.listeners[1]);
  CAF_CHECK(shards[0]->snapshots[0]->rules->own_listeners[0] ==
            (policy::socket_address{now[0]->ip, now[0]->port}));
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(done), 2u);
  CAF_CHECK(listeners() == now);
}

CAF_TEST(a drain refuses changes that come and those that wait) {
  auto begun = reload();
  auto waiting = reload();
  self->send(store, atom::drain_v);
  run();
  auto late = set_mode(policy::mode::limited);
  CAF_REQUIRE_EQUAL(listeners().size(), 1u);
  CAF_CHECK(listeners()[0] == first.listeners[1]);
  CAF_CHECK(!waiting->has_value());
  acknowledge();
  CAF_CHECK_EQUAL(generation_of(begun), 2u);
  for (auto& change : {waiting, late}) {
    CAF_REQUIRE(change->has_value());
    CAF_CHECK(!(*change)->report);
    CAF_CHECK_EQUAL(problem_of(change), "the proxy is shutting down");
  }
  CAF_CHECK_EQUAL(shards[0]->snapshots.size(), 1u);
}

CAF_TEST(what needs a restart is told and what runs is shown) {
  auto running = current()->config->workers;
  configure("", "workers = 3\n");
  for (int i = 0; i < 2; ++i) { // as long as the file says so
    auto done = reload();
    acknowledge();
    CAF_REQUIRE(generation_of(done) != 0);
    CAF_CHECK((*done)->report->needs_restart == std::vector<std::string>{"network_proxy.workers"});
    CAF_CHECK(changed_by(done).find("workers") == std::string::npos);
    CAF_CHECK_EQUAL(current()->config->workers, running);
  }
  CAF_CHECK(log().find("msg=needs_restart key=network_proxy.workers") != std::string::npos);
  configure("");
  auto back = reload();
  acknowledge();
  CAF_CHECK((*back)->report->needs_restart.empty());
}

CAF_TEST(the number of workers that runs needs no restart whichever way it is said) {
  configure("", "workers = 2\n");
  auto done = reload();
  acknowledge();
  CAF_REQUIRE(generation_of(done) != 0);
  CAF_CHECK((*done)->report->needs_restart.empty());
}

CAF_TEST(a drain waits for the change that the workers have been told of) {
  auto begun = reload();
  auto drained = std::make_shared<bool>(false);
  sys.spawn(
    [to = store](caf::event_based_actor* asker, const std::shared_ptr<bool>& into) {
      asker->request(to, std::chrono::minutes{60}, atom::drain_v).then([into](bool) {
        *into = true;
      });
    },
    drained);
  run();
  CAF_CHECK(!*drained);
  acknowledge();
  CAF_CHECK(*drained);
  CAF_CHECK_EQUAL(generation_of(begun), 2u);
}

CAF_TEST(a change that its asker has given up by then is not begun) {
  auto begun = reload();
  auto next = reload();
  auto waiting = reload();
  for (int i = 0; i < 3; ++i) {
    pass(std::chrono::seconds{29});
    acknowledge();
    if (i == 0)
      CAF_CHECK_EQUAL(generation_of(begun), 2u);
  }
  CAF_CHECK_EQUAL(generation_of(next), 3u);
  CAF_CHECK_EQUAL(generation_of(waiting), 4u); // begun after 58 s
  auto first_of_all = reload();
  std::vector<pending> more;
  for (int i = 0; i < 4; ++i)
    more.push_back(reload());
  for (int i = 0; i < 4; ++i) {
    pass(std::chrono::seconds{28});
    if (!shards[0]->owed.empty())
      acknowledge();
  }
  CAF_CHECK_EQUAL(problem_of(more[2]), "the changes before it took too long");
  CAF_CHECK_EQUAL(problem_of(more[3]), "the changes before it took too long");
  CAF_CHECK(failures.empty());
}

CAF_TEST(addresses that come mean nothing to listeners that have their own) {
  move_machine(std::vector{ip_address::v4(0xCB007101)});
  CAF_CHECK(current() == first.next);
  CAF_CHECK(shards[0]->snapshots.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
