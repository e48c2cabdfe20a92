#define CAF_SUITE actors.policy_store
#include "actors/policy_store_behavior.hpp" // unit under test

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/actors/policy_store_fixture.hpp"

using namespace proxy;
using namespace proxy::test;
using config::test::newer;

namespace {

uint64_t generation_of(const pending& change) {
  return change->has_value() && (*change)->report ? (*change)->report->generation : 0;
}

/// The keys that a change changed.
std::string changed_by(const pending& change) {
  std::string out;
  for (auto& key : (*change)->report->changed)
    out += (out.empty() ? "" : " ") + key;
  return out;
}

std::string problem_of(const pending& change) {
  return change->has_value() && !(*change)->problems.empty() ? (*change)->problems[0].message : "";
}

/// How a copy of this process ends that does one thing more.
int status_of_child(const std::function<void()>& act) {
  auto child = ::fork();
  if (child == 0) {
    rlimit no_core{0, 0};
    (void)::setrlimit(RLIMIT_CORE, &no_core);
    (void)std::signal(SIGABRT, SIG_DFL);
    act();
    ::_exit(0);
  }
  CAF_REQUIRE(child > 0);
  int status = 0;
  CAF_REQUIRE_EQUAL(::waitpid(child, &status, 0), child);
  return status;
}

} // namespace

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

CAF_TEST(a shard that is lost ends the process) {
  for (auto within_change : {false, true}) {
    CAF_MESSAGE("within a change: " << within_change);
    auto status = status_of_child([&] {
      if (within_change)
        (void)reload();
      caf::anon_send_exit(handles[1], caf::exit_reason::kill);
      run();
    });
    CAF_CHECK(WIFSIGNALED(status));
    CAF_CHECK_EQUAL(WTERMSIG(status), SIGABRT);
  }
}

CAF_TEST(a shard that was told to end does not ) {
  auto status = status_of_child([&] {
    self->send(handles[1], atom::abort_v);
    run();
  });
  CAF_CHECK(WIFEXITED(status));
}

CAF_TEST(addresses that come mean nothing to listeners that have their own) {
  move_machine(std::vector{ip_address::v4(0xCB007101)});
  CAF_CHECK(current() == first.next);
  CAF_CHECK(shards[0]->snapshots.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()

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
