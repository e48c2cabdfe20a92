#define CAF_SUITE actors.loop.task.request
#include "actors/loop/task/request.hpp" // unit under test

#include <vector>

#include "tests/actors/loop/oracle.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

using outcomes = std::vector<caf::expected<int>>;

number_actor::behavior_type asker(pinned_actor<number_actor>* self, number_actor other,
                                  std::chrono::milliseconds patience, outcomes* into) {
  auto keep = [into](caf::expected<int> x) { into->push_back(std::move(x)); };
  request_until<int>(self, self->loop().now() + patience, other, keep, 7);
  return {[](int x) { return x; }};
}

struct fixture : oracle_fixture {
  void start(std::chrono::milliseconds patience) {
    curious = spawn_pinned(loop, asker, wise, patience, &got);
    settle();
  }

  outcomes got;
  number_actor curious;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(request_tests, fixture)

CAF_TEST(an answer is handed on once) {
  start(1s);
  promise().deliver(42);
  settle();
  CAF_REQUIRE_EQUAL(got.size(), 1u);
  CAF_CHECK_EQUAL(unbox(got[0]), 42);
  run_for(1100ms);
  CAF_CHECK_EQUAL(got.size(), 1u);
}

CAF_TEST(an error is handed on as it is) {
  start(10s);
  promise().deliver(caf::make_error(errc::dns_error, std::string{"no such name"}));
  settle();
  CAF_REQUIRE_EQUAL(got.size(), 1u);
  CAF_CHECK_EQUAL(error_of(got[0]), errc::dns_error);
}

CAF_TEST(the deadline ends the wait and the late answer falls on nothing) {
  start(40ms);
  CAF_REQUIRE(run_until([this] { return !got.empty(); }));
  CAF_CHECK_EQUAL(error_of(got[0]), errc::cancelled);
  promise().deliver(42);
  settle();
  CAF_CHECK_EQUAL(got.size(), 1u);
}

CAF_TEST(an actor that has ended is an error) {
  caf::anon_send_exit(wise, caf::exit_reason::user_shutdown);
  settle();
  start(10s);
  CAF_REQUIRE_EQUAL(got.size(), 1u);
  CAF_CHECK(!got[0]);
}

CAF_TEST(one who ends hears of nothing) {
  start(1s);
  caf::anon_send_exit(curious, caf::exit_reason::user_shutdown);
  settle();
  run_for(1100ms);
  promise().deliver(42);
  settle();
  CAF_CHECK(got.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
