#define CAF_SUITE actors.observe.log.log_queue
#include "actors/observe/log/log_queue.hpp" // unit under test

#include <chrono>
#include <thread>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::chrono_literals;

namespace {

/// Whether a wait ends, on a thread of its own. One that does not is woken so that the test ends.
bool wait_ends(log_queue& queue) {
  std::promise<void> ended;
  auto end = ended.get_future();
  std::thread waits{[&] {
    queue.wait();
    ended.set_value();
  }};
  auto in_time = end.wait_for(30s) == std::future_status::ready;
  if (!in_time)
    queue.wake();
  waits.join();
  return in_time;
}

log_record::pointer line(const char* words) {
  return log_record::of(log_entry{{}, log_level::info, words, {}});
}

} // namespace

CAF_TEST(a wake that comes before somebody waits ends the wait) {
  log_queue queue{1'000};
  queue.wake();
  CAF_CHECK(wait_ends(queue));
}

CAF_TEST(what was put before somebody waits ends the wait) {
  log_queue queue{1'000};
  queue.put(line("msg=one"));
  queue.put(line("msg=two"));
  CAF_CHECK(wait_ends(queue));
  auto first = queue.take_all();
  CAF_REQUIRE(first);
  auto second = log_queue::next(*first);
  CAF_CHECK(second && !log_queue::next(*second));
}

CAF_TEST(what is put while a wait ends is seen by the look behind it or ends the next) {
  constexpr int all = 20'000;
  log_queue queue{100'000'000};
  std::thread puts{[&] {
    for (int i = 0; i < all; ++i)
      queue.put(line("msg=line"));
  }};
  int taken = 0;
  while (taken < all) {
    for (auto record = queue.take_all(); record; record = log_queue::next(*record)) {
      queue.done(*record);
      ++taken;
    }
    if (taken < all)
      queue.wait();
  }
  puts.join();
  CAF_CHECK_EQUAL(taken, all);
}
