#define CAF_SUITE actors.loop.task.task
#include "actors/loop/task/task.hpp" // unit under test

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/loop/task/waker.hpp"
#include "tests/support/loop_fixture.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Says into `log` that it went away: what a flow holds must go with it.
struct witness {
  witness(std::vector<std::string>& to, std::string text) : log(to), what(std::move(text)) {}
  witness(const witness&) = delete;
  ~witness() { log.push_back(what); }
  std::vector<std::string>& log;
  std::string what;
};

task<int> ready_at_once(int x) { co_return x; }

task<bool> wait_for(waker& w, steady_time deadline) {
  auto in_time = co_await w.until(deadline);
  co_return in_time;
}

task<void> note_wait(waker& w, steady_time deadline, std::vector<std::string>& log) {
  witness inner{log, "gone"};
  auto in_time = co_await wait_for(w, deadline);
  log.push_back(in_time ? "fired" : "late");
}

task<void> wait_twice(waker& w, steady_time first, steady_time second,
                      std::vector<std::string>& log) {
  auto in_time = co_await w.until(first);
  log.push_back(in_time ? "fired" : "late");
  in_time = co_await w.until(second);
  log.push_back(in_time ? "fired" : "late");
}

task<void> add_up(int times, int64_t& sum) {
  for (int i = 0; i < times; ++i) {
    auto x = co_await ready_at_once(i);
    sum += x;
  }
}

task<int> depth(int levels) {
  if (levels == 0)
    co_return 0;
  auto below = co_await depth(levels - 1);
  co_return below + 1;
}

task<void> keep_depth(int levels, int& reached) { reached = co_await depth(levels); }

task<void> yield_often(waker& w, int times, int& count) {
  for (int i = 0; i < times; ++i) {
    co_await w.next_turn();
    ++count;
  }
}

task<std::unique_ptr<std::string>> give(std::string text) {
  co_return std::make_unique<std::string>(std::move(text));
}

task<void> take(std::string& into) {
  auto given = co_await give("moved");
  into = *given;
}

void note_done(void* flag) noexcept { *static_cast<bool*>(flag) = true; }

struct fixture : loop_fixture {
  waker wakes{loop};
  std::vector<std::string> log;
  bool ended = false;
  steady_time never() const { return loop.now() + 1h; }
};

using lines = std::vector<std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(task_tests, fixture)

CAF_TEST(a task does nothing before it is started and tells when it is done) {
  int64_t sum = 0;
  auto flow = add_up(3, sum);
  CAF_CHECK_EQUAL(sum, 0);
  CAF_CHECK(!flow.done());
  flow.start(&ended, note_done);
  CAF_CHECK_EQUAL(sum, 3);
  CAF_CHECK(flow.done());
  CAF_CHECK(ended);
}

CAF_TEST(a flow goes on when it is fired and not before) {
  auto flow = note_wait(wakes, never(), log);
  flow.start(&ended, note_done);
  CAF_CHECK(wakes.waiting());
  run_for(40ms);
  CAF_CHECK(log.empty());
  wakes.fire();
  CAF_CHECK(log == (lines{"fired", "gone"}));
  CAF_CHECK(ended);
  wakes.fire(); // nobody waits
  CAF_CHECK_EQUAL(log.size(), 2u);
}

CAF_TEST(a flow that is not fired in time goes on at its deadline) {
  auto start = std::chrono::steady_clock::now();
  loop.turn(0ms);
  auto flow = note_wait(wakes, loop.now() + 50ms, log);
  flow.start(&ended, note_done);
  CAF_CHECK(run_until([this] { return ended; }));
  CAF_CHECK(log == (lines{"late", "gone"}));
  CAF_CHECK(std::chrono::steady_clock::now() - start >= 50ms);
}

CAF_TEST(the deadline of one wait does not end the next) {
  loop.turn(0ms);
  auto flow = wait_twice(wakes, loop.now() + 40ms, loop.now() + 2s, log);
  flow.start(&ended, note_done);
  wakes.fire();
  CAF_CHECK(log == lines{"fired"});
  run_for(100ms);
  CAF_CHECK(log == lines{"fired"});
  CAF_CHECK(run_until([this] { return ended; }));
  CAF_CHECK(log == (lines{"fired", "late"}));
}

CAF_TEST(a deadline that comes earlier than that of the wait before holds) {
  loop.turn(0ms);
  auto flow = wait_twice(wakes, never(), loop.now() + 40ms, log);
  flow.start(&ended, note_done);
  wakes.fire();
  CAF_CHECK(run_until([this] { return ended; }));
  CAF_CHECK(log == (lines{"fired", "late"}));
}

CAF_TEST(dropping a task that waits cancels it with all it holds) {
  loop.turn(0ms);
  auto flow = note_wait(wakes, loop.now() + 30ms, log);
  flow.start(&ended, note_done);
  flow.reset();
  CAF_CHECK(log == lines{"gone"});
  CAF_CHECK(!wakes.waiting());
  wakes.fire();
  run_for(60ms); // its deadline finds nobody
  CAF_CHECK_EQUAL(log.size(), 1u);
  CAF_CHECK(!ended);
}

CAF_TEST(a task that takes the place of another cancels it) {
  auto flow = note_wait(wakes, never(), log);
  flow.start(&ended, note_done);
  flow = task<void>{};
  CAF_CHECK(log == lines{"gone"});
  CAF_CHECK(flow.done());
}

CAF_TEST(a task that was never started leaves nothing behind) {
  { auto flow = note_wait(wakes, never(), log); }
  CAF_CHECK(log.empty());
}

CAF_TEST(a value that can only move comes through) {
  std::string text;
  auto flow = take(text);
  flow.start(&ended, note_done);
  CAF_CHECK_EQUAL(text, "moved");
}

CAF_TEST(a hundred thousand steps that are done at once do not grow the stack) {
  int64_t sum = 0;
  auto flow = add_up(100'000, sum);
  flow.start(&ended, note_done);
  CAF_CHECK_EQUAL(sum, int64_t{100'000} * 99'999 / 2);
}

CAF_TEST(tasks nest) {
  int reached = 0;
  auto flow = keep_depth(100, reached);
  flow.start(&ended, note_done);
  CAF_CHECK_EQUAL(reached, 100);
}

CAF_TEST(a flow that yields lets the loop turn each time without sleeping) {
  int count = 0;
  auto flow = yield_often(wakes, 10, count);
  flow.start(&ended, note_done);
  CAF_CHECK_EQUAL(count, 0);
  for (int i = 1; i <= 10; ++i) {
    loop.turn(10s);
    CAF_CHECK_EQUAL(count, i);
  }
  CAF_CHECK(ended);
}

CAF_TEST(a flow that is dropped while it yields is not called) {
  int count = 0;
  auto flow = yield_often(wakes, 10, count);
  flow.start(&ended, note_done);
  flow.reset();
  loop.turn(0ms);
  CAF_CHECK_EQUAL(count, 0);
}

CAF_TEST_FIXTURE_SCOPE_END()
