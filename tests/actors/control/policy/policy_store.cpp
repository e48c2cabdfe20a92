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

CAF_TEST(a worker that does not follow ends the proxy and who asked is told) {
  struct row {
    std::string_view what;
    std::function<void(policy_store_fixture&)> happens;
    std::string_view told;
  };
  for (auto& [what, happens, told] : std::initializer_list<row>{
         {"never acknowledges", [](auto& f) { f.pass(acknowledgement_patience); },
          "worker 1 did not take the policy in time: the proxy ends"},
         {"dies between install and acknowledgement",
          [](auto& f) {
            caf::anon_send_exit(f.handles[1], caf::exit_reason::kill);
            f.run();
          },
          "worker 1 has ended ("},
         {"answers with an error",
          [](auto& f) {
            f.self->send(f.handles[1], std::string{"no"});
            f.run();
          },
          "worker 1 did not take the policy ("},
       }) {
    CAF_MESSAGE(what);
    policy_store_fixture f;
    auto done = f.reload();
    auto waiting = f.set_mode(policy::mode::limited);
    f.acknowledge(0, 0);
    CAF_CHECK(!done->has_value());
    happens(f);
    CAF_CHECK_EQUAL(problem_of(done).substr(0, told.size()), told);
    CAF_CHECK_EQUAL(problem_of(waiting), "a worker is lost: the proxy ends");
    CAF_CHECK_EQUAL(problem_of(f.reload()), "a worker is lost: the proxy ends");
    CAF_CHECK(f.shards[0]->closed); // nobody is served any more
    CAF_CHECK(f.listeners().empty());
    CAF_CHECK_EQUAL(f.failures.substr(0, 9), "worker 1:");
    CAF_CHECK(f.log().find("msg=actor_lost actor=\"worker 1\"") != std::string::npos);
  }
}

CAF_TEST(a worker that acknowledges late but in time is no loss) {
  auto done = reload();
  acknowledge(0, 1);
  pass(acknowledgement_patience - std::chrono::seconds{1});
  CAF_CHECK(!done->has_value());
  acknowledge(1, 2);
  CAF_CHECK_EQUAL(generation_of(done), 2u);
  CAF_CHECK_EQUAL((*done)->report->closed_tunnels, 3u);
  pass(std::chrono::seconds{60});
  CAF_CHECK(failures.empty());
}

CAF_TEST(a worker that acknowledges too late changes nothing any more) {
  auto done = reload();
  acknowledge(0, 0);
  pass(acknowledgement_patience);
  auto told = problem_of(done);
  acknowledge(1, 0);
  CAF_CHECK_EQUAL(problem_of(done), told);
  CAF_CHECK_EQUAL(shards[0]->snapshots.size(), 1u);
}

CAF_TEST(a worker that dies between changes ends the proxy) {
  caf::anon_send_exit(handles[0], caf::exit_reason::kill);
  run();
  CAF_CHECK(shards[1]->closed);
  CAF_CHECK_EQUAL(problem_of(reload()), "a worker is lost: the proxy ends");
  CAF_CHECK(shards[1]->snapshots.empty());
}

CAF_TEST(a worker that was told to end is no loss) {
  self->send(handles[1], atom::abort_v);
  run();
  pass(std::chrono::seconds{1});
  CAF_CHECK(!shards[0]->closed);
  CAF_CHECK(failures.empty());
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
