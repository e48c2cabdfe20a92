#define CAF_SUITE actors.control.policy.policy_store_losses
#include "actors/control/policy/policy_store_behavior.hpp" // unit under test

#include "tests/actors/control/policy/policy_store_fixture.hpp"

using namespace proxy;
using namespace proxy::test;

CAF_TEST_FIXTURE_SCOPE(policy_store_losses_tests, policy_store_fixture)

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

CAF_TEST_FIXTURE_SCOPE_END()
