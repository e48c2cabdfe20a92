#define CAF_SUITE actors.loop.task.ask_all
#include "actors/loop/task/ask_all.hpp" // unit under test

#include <caf/stateful_actor.hpp>

#include "tests/actors/loop/oracle.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Runs one flow that asks; any message starts it.
struct asker_state {
  explicit asker_state(number_actor::pointer) {}
  std::unique_ptr<waker> wakes;
  task<void> flow;
};
using asker_self = caf::stateful_actor<asker_state, pinned_actor<number_actor>>;
using number_outcome = std::shared_ptr<caf::expected<int>>;

struct outcome_log {
  std::vector<number_outcome> answers;
  bool ended = false;
};

task<void> ask_flow(asker_self* self, const std::vector<number_actor>& others,
                    std::chrono::milliseconds patience, outcome_log& log) {
  questions all{self, *self->state.wakes};
  for (const auto& each : others)
    log.answers.push_back(all.ask<int>(each, 7));
  co_await all.wait_until(self->loop().now() + patience);
}

number_actor::behavior_type asker(asker_self* self, const std::vector<number_actor>& others,
                                  std::chrono::milliseconds patience, outcome_log* log) {
  self->state.wakes = std::make_unique<waker>(self->loop());
  self->state.flow = ask_flow(self, others, patience, *log);
  self->state.flow.start(&log->ended,
                         [](void* flag) noexcept { *static_cast<bool*>(flag) = true; });
  return {[](int x) { return x; }};
}

struct fixture : oracle_fixture {
  fixture() { settle(); }
  void start(std::chrono::milliseconds patience) {
    curious = spawn_pinned(loop, asker, others, patience, &log);
    settle();
  }
  auto& question(oracle_self* of) { return of->state.waiting.at(0); }

  oracle_self* second_ptr = nullptr;
  std::vector<number_actor> others{wise, spawn_pinned(loop, oracle, &second_ptr)};
  outcome_log log;
  number_actor curious;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(ask_all_tests, fixture)

CAF_TEST(all are asked at once and the wait ends with the last answer in whatever order) {
  start(10s);
  CAF_CHECK_EQUAL(oracle_ptr->state.waiting.size(), 1u);
  CAF_CHECK_EQUAL(second_ptr->state.waiting.size(), 1u);
  question(second_ptr).deliver(2);
  settle();
  CAF_CHECK(!log.ended);
  question(oracle_ptr).deliver(1);
  settle();
  CAF_REQUIRE(log.ended);
  CAF_CHECK_EQUAL(unbox(*log.answers.at(0)), 1);
  CAF_CHECK_EQUAL(unbox(*log.answers.at(1)), 2);
}

CAF_TEST(nobody is waited for where nobody is asked) {
  others.clear();
  start(10s);
  CAF_CHECK(log.ended);
}

CAF_TEST(the deadline is that of all and late answers fall on nothing) {
  start(1s);
  question(second_ptr).deliver(2);
  CAF_CHECK(run_until([this] { return log.ended; }));
  CAF_CHECK_EQUAL(error_of(*log.answers.at(0)), errc::cancelled);
  CAF_CHECK_EQUAL(unbox(*log.answers.at(1)), 2);
  question(oracle_ptr).deliver(1);
  settle();
  CAF_CHECK_EQUAL(error_of(*log.answers.at(0)), errc::cancelled);
}

CAF_TEST(an actor that has ended or is none is an error and the others answer) {
  caf::anon_send_exit(wise, caf::exit_reason::user_shutdown);
  settle();
  others.push_back(number_actor{});
  start(10s);
  CAF_CHECK(!log.ended);
  question(second_ptr).deliver(2);
  settle();
  CAF_REQUIRE(log.ended);
  CAF_CHECK(!*log.answers.at(0));
  CAF_CHECK_EQUAL(unbox(*log.answers.at(1)), 2);
  CAF_CHECK(!*log.answers.at(2));
}

CAF_TEST_FIXTURE_SCOPE_END()
