#define CAF_SUITE actors.loop.task.ask
#include "actors/loop/task/ask.hpp" // unit under test

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

struct outcome_log {
  std::vector<caf::expected<int>> answers;
  bool ended = false;
};

task<void> ask_flow(asker_self* self, number_actor other, std::chrono::milliseconds patience,
                    outcome_log& log) {
  auto& wakes = *self->state.wakes;
  auto answer = co_await ask<int>(self, wakes, self->loop().now() + patience, other, 7);
  log.answers.push_back(std::move(answer));
}

number_actor::behavior_type asker(asker_self* self, number_actor other,
                                  std::chrono::milliseconds patience, outcome_log* log,
                                  asker_self** handle) {
  *handle = self;
  self->state.wakes = std::make_unique<waker>(self->loop());
  self->state.flow = ask_flow(self, other, patience, *log);
  self->state.flow.start(&log->ended,
                         [](void* flag) noexcept { *static_cast<bool*>(flag) = true; });
  return {[](int x) { return x; }};
}

struct fixture : oracle_fixture {
  void start(std::chrono::milliseconds patience) {
    curious = spawn_pinned(loop, asker, wise, patience, &log, &asker_ptr);
    settle();
  }

  asker_self* asker_ptr = nullptr;
  outcome_log log;
  number_actor curious;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(ask_tests, fixture)

CAF_TEST(an answer reaches the flow) {
  start(10s);
  CAF_CHECK(!log.ended);
  promise().deliver(42);
  settle();
  CAF_REQUIRE(log.ended);
  CAF_CHECK_EQUAL(unbox(log.answers.at(0)), 42);
}

CAF_TEST(an error reaches the flow as it is) {
  start(10s);
  promise().deliver(caf::make_error(errc::dns_error, std::string{"no such name"}));
  settle();
  CAF_REQUIRE(log.ended);
  CAF_CHECK_EQUAL(error_of(log.answers.at(0)), errc::dns_error);
  auto context = context_of(log.answers.at(0).error());
  CAF_CHECK_EQUAL(context, "no such name");
}

CAF_TEST(a wake-up for something else does not end the wait) {
  start(10s);
  asker_ptr->state.wakes->fire();
  asker_ptr->state.wakes->fire();
  CAF_CHECK(!log.ended);
  promise().deliver(1);
  settle();
  CAF_CHECK(log.ended);
}

CAF_TEST(the deadline ends the wait and the late answer falls on nothing) {
  start(40ms);
  CAF_CHECK(run_until([this] { return log.ended; }));
  CAF_CHECK_EQUAL(error_of(log.answers.at(0)), errc::cancelled);
  promise().deliver(42);
  settle();
  CAF_CHECK_EQUAL(log.answers.size(), 1u);
}

CAF_TEST(a flow that is dropped hears of no answer) {
  start(10s);
  asker_ptr->state.flow.reset();
  promise().deliver(42);
  settle();
  CAF_CHECK(log.answers.empty());
  CAF_CHECK(!log.ended);
}

CAF_TEST(a question to an actor that has ended is an error) {
  caf::anon_send_exit(wise, caf::exit_reason::user_shutdown);
  settle();
  start(10s);
  CAF_REQUIRE(log.ended);
  CAF_CHECK(!log.answers.at(0));
}

CAF_TEST_FIXTURE_SCOPE_END()
