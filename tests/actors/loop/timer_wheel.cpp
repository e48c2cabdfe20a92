#define CAF_SUITE actors.loop.timer_wheel
#include "actors/loop/timer_wheel.hpp" // unit under test

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

/// A wheel whose time the test sets, in milliseconds since its start.
struct fixture {
  struct alarm final : timer {
    alarm(fixture& of, int number) : f(of), id(number) {}
    void on_timer() override {
      f.fired.push_back(id);
      at = f.now;
      if (then)
        then();
    }
    fixture& f;
    int id;
    milliseconds at{-1}; ///< When it was last called.
    std::function<void()> then;
  };

  void arm(alarm& a, milliseconds expiry) { wheel.arm(a, start + expiry); }
  void advance_to(milliseconds moment) {
    now = moment;
    wheel.advance(start + now);
  }
  /// Advances as a loop does that sleeps just as long as it may. @returns how often it woke up.
  int sleep_to(milliseconds moment) {
    int wakes = 0;
    while (now < moment) {
      auto sleep = wheel.sleep_for(start + now);
      if (sleep < 0ms || now + sleep > moment)
        sleep = moment - now;
      ++wakes;
      advance_to(now + std::max(sleep, 1ms));
    }
    return wakes;
  }

  steady_time start{std::chrono::hours{100}};
  timer_wheel wheel{start};
  milliseconds now{0};
  std::vector<int> fired;
};

using ids = std::vector<int>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(timer_wheel_tests, fixture)

CAF_TEST(timers are called in the order of their ticks) {
  alarm a{*this, 1};
  alarm b{*this, 2};
  alarm c{*this, 3};
  arm(a, 300ms);
  arm(b, 100ms);
  arm(c, 200ms);
  advance_to(1s);
  CAF_CHECK(fired == (ids{2, 3, 1}));
  CAF_CHECK(!a.linked() && !b.linked() && !c.linked());
}

CAF_TEST(a timer is called once and never early and at most a tick late) {
  for (auto expiry :
       {1ms, 15ms, 16ms, 17ms, 100ms, 1000ms, 32'767ms, 32'768ms, 32'769ms, 40'000ms, 100'000ms}) {
    CAF_MESSAGE("expiry " << expiry.count());
    fixture f;
    alarm a{f, 1};
    f.arm(a, expiry);
    for (auto t = 1ms; t <= expiry + 40ms; ++t)
      f.advance_to(t);
    CAF_CHECK_EQUAL(f.fired.size(), 1u);
    CAF_CHECK(a.at >= expiry);
    CAF_CHECK(a.at <= expiry + timer_wheel::tick);
  }
}

CAF_TEST(a moment in the past comes with the next tick) {
  alarm a{*this, 1};
  advance_to(1s);
  arm(a, 10ms);
  advance_to(1s + timer_wheel::tick);
  CAF_CHECK(fired == ids{1});
}

CAF_TEST(a timer that moves later is called at the later moment only) {
  alarm a{*this, 1};
  arm(a, 100ms);
  arm(a, 500ms);
  advance_to(400ms);
  CAF_CHECK(fired.empty());
  CAF_CHECK(a.linked());
  advance_to(520ms);
  CAF_CHECK(fired == ids{1});
  advance_to(100s);
  CAF_CHECK(fired == ids{1});
}

CAF_TEST(a timer that moves earlier is called at the earlier moment only) {
  alarm a{*this, 1};
  arm(a, 500ms);
  arm(a, 100ms);
  advance_to(120ms);
  CAF_CHECK(fired == ids{1});
  advance_to(100s);
  CAF_CHECK(fired == ids{1});
}

CAF_TEST(a disarmed or destroyed timer is not called) {
  alarm a{*this, 1};
  auto b = std::make_unique<alarm>(*this, 2);
  arm(a, 100ms);
  arm(*b, 100ms);
  a.unlink();
  b.reset();
  advance_to(1s);
  CAF_CHECK(fired.empty());
  CAF_CHECK_EQUAL(wheel.sleep_for(start + now).count(), -1);
}

CAF_TEST(a callback may disarm or destroy another timer of its tick) {
  alarm a{*this, 1};
  alarm b{*this, 2};
  auto c = std::make_unique<alarm>(*this, 3);
  alarm d{*this, 4};
  for (auto* each : {&a, &b, c.get(), &d})
    arm(*each, 100ms);
  a.then = [&] {
    b.unlink();
    c.reset();
  };
  advance_to(1s);
  CAF_CHECK(fired == (ids{1, 4}));
}

CAF_TEST(a callback may destroy its own timer) {
  auto a = std::make_unique<alarm>(*this, 1);
  alarm b{*this, 2};
  arm(*a, 100ms);
  arm(b, 100ms);
  a->then = [&] { a.reset(); };
  advance_to(1s);
  CAF_CHECK(fired == (ids{1, 2}));
}

CAF_TEST(a callback may arm its own timer again and even for a moment that has passed) {
  alarm a{*this, 1};
  arm(a, 100ms);
  a.then = [&] {
    if (fired.size() < 4)
      arm(a, fired.size() % 2 == 0 ? 0ms : now + 100ms);
  };
  for (auto t = 0ms; t <= 1s; t += 4ms)
    advance_to(t);
  CAF_CHECK(fired == (ids{1, 1, 1, 1}));
}

CAF_TEST(after a long sleep all that are due are called and no others) {
  std::vector<std::unique_ptr<alarm>> alarms;
  for (int i = 1; i <= 600; ++i) {
    alarms.push_back(std::make_unique<alarm>(*this, i));
    arm(*alarms.back(), i * 1s);
  }
  advance_to(300s + timer_wheel::tick);
  CAF_CHECK_EQUAL(fired.size(), 300u);
  for (const auto& a : alarms)
    CAF_CHECK_EQUAL(a->linked(), a->id > 300);
  advance_to(601s);
  CAF_CHECK_EQUAL(fired.size(), 600u);
}

CAF_TEST(without timers there is no end to the sleep) {
  CAF_CHECK_EQUAL(wheel.sleep_for(start).count(), -1);
  alarm a{*this, 1};
  arm(a, 50ms);
  CAF_CHECK(wheel.sleep_for(start) >= 50ms);
  CAF_CHECK(wheel.sleep_for(start) <= 50ms + timer_wheel::tick);
  advance_to(70ms);
  CAF_CHECK_EQUAL(wheel.sleep_for(start + now).count(), -1);
}

CAF_TEST(a sleep for what is overdue is no sleep) {
  alarm a{*this, 1};
  arm(a, 50ms);
  CAF_CHECK_EQUAL(wheel.sleep_for(start + 10s).count(), 0);
}

CAF_TEST(a loop that sleeps as it is told wakes for each timer in time and seldom in vain) {
  std::mt19937 random{42};
  std::uniform_int_distribution<int> when{1, 90'000};
  for (int round = 0; round < 50; ++round) {
    fixture f;
    f.advance_to(milliseconds{when(random)});
    auto base = f.now;
    std::vector<std::unique_ptr<alarm>> alarms;
    std::vector<milliseconds> expiries;
    for (int i = 0; i < 20; ++i) {
      alarms.push_back(std::make_unique<alarm>(f, i));
      expiries.push_back(base + milliseconds{when(random)});
      f.arm(*alarms.back(), expiries.back());
    }
    auto wakes = f.sleep_to(base + 91s);
    CAF_CHECK_EQUAL(f.fired.size(), 20u);
    for (size_t i = 0; i < alarms.size(); ++i)
      CAF_CHECK(alarms[i]->at >= expiries[i] &&
                alarms[i]->at <= expiries[i] + 2 * timer_wheel::tick);
    // Once for each, and once a turn of the wheel for those beyond it.
    CAF_CHECK(wakes <= 20 * 4 + 4);
  }
}

CAF_TEST(it sleeps until the next timer wherever that stands) {
  std::mt19937_64 chance{1};
  for (int round = 0; round < 3000; ++round) {
    std::deque<alarm> all;
    auto soonest = milliseconds::max();
    for (auto left = chance() % 4; left > 0; --left) {
      auto after = milliseconds{1 + chance() % 32'000};
      arm(all.emplace_back(*this, 0), now + after);
      soonest = std::min(soonest, after);
    }
    auto sleep = wheel.sleep_for(start + now);
    if (all.empty() ? sleep != -1ms : sleep < soonest || sleep > soonest + timer_wheel::tick)
      CAF_FAIL("round " << round << ": " << sleep.count() << " instead of " << soonest.count());
    advance_to(now + milliseconds{chance() % 20'000});
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
