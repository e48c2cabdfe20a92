#define CAF_SUITE actors.serve.upstream.shared_dial

#include "actors/serve/upstream/shared_dial.hpp" // unit under test

#include <deque>

#include "tests/actors/net/link_fixture.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

enum class dial_end { none, failed, http1, http2 };

/// A request of a client that speaks HTTP/2, on its way to an upstream.
struct request {
  explicit request(event_loop& loop) : wakes(loop), deadline(loop.now() + 1h) {}

  waker wakes;
  steady_time deadline; ///< Of its wait for another's dial.
  transport client;
  dial_end of_dial = dial_end::none; ///< As the test decides.
  bool dials = false;
  bool done = false;
  std::unique_ptr<upstream> got;
  task<> flow; ///< Last: it goes first.
};

struct fixture : link_fixture {
  /// What a flow does: waits for who dials, takes what came of that, or dials.
  static task<> reach(fixture& f, request& r) {
    if (auto dial = f.pool.dial_under_way(f.key)) {
      co_await await_dial(std::move(dial), r.wakes, r.deadline, r.client);
      f.woken.push_back(&r);
      if (r.client.dead()) {
        r.done = true;
        co_return;
      }
      r.got = f.pool.take_stream(*f.now.fresh(), f.key, r.wakes);
    }
    if (!r.got)
      co_await dial(f, r);
    r.done = true;
  }

  static task<> dial(fixture& f, request& r) {
    dialling mine{f.pool, f.key};
    r.dials = true;
    auto never = f.loop.now() + 1h;
    for (auto in_time = true; r.of_dial == dial_end::none && in_time;)
      in_time = co_await r.wakes.until(never);
    if (r.of_dial == dial_end::http1)
      f.pool.note(f.key, origin_protocol::http1);
    if (r.of_dial == dial_end::http2) {
      f.pool.share(f.link);
      r.got = open_stream(*f.now.fresh(), f.link, r.wakes);
    }
  }

  request& ask() {
    auto& r = requests.emplace_back(loop);
    r.flow = reach(*this, r);
    r.flow.start(nullptr, [](void*) noexcept {});
    return r;
  }

  void end_dial(request& r, dial_end how) {
    r.of_dial = how;
    r.wakes.fire();
    settle();
  }

  size_t dialling_now() {
    return static_cast<size_t>(
      std::ranges::count_if(requests, [](const auto& r) { return r.dials && !r.done; }));
  }

  std::shared_ptr<http2_link> link;
  std::vector<request*> woken; ///< In this order.
  std::deque<request> requests;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(shared_dial_tests, fixture)

CAF_TEST(one dials and the others wait) {
  CAF_CHECK(pool.dial_under_way(key) == nullptr);
  auto& first = ask();
  CAF_CHECK(first.dials);
  auto& second = ask();
  auto& third = ask();
  settle();
  CAF_CHECK(!second.dials && !third.dials);
  CAF_CHECK(pool.dial_under_way(key) != nullptr);
  auto elsewhere = key;
  elsewhere.port = 444;
  CAF_CHECK(pool.dial_under_way(elsewhere) == nullptr);
}

CAF_TEST(when a dial came to HTTP / 2 all share its connection in the order they came) {
  link = connected();
  auto& first = ask();
  auto& second = ask();
  auto& third = ask();
  end_dial(first, dial_end::http2);
  CAF_CHECK(second.done && third.done);
  CAF_CHECK(first.got && second.got && third.got);
  CAF_CHECK(!second.dials && !third.dials);
  CAF_CHECK(woken == std::vector({&second, &third}));
  CAF_CHECK_EQUAL(link->session().stream_count(), 3u);
  CAF_CHECK(pool.dial_under_way(key) == nullptr);
}

CAF_TEST(when a dial came to HTTP / 1 the others dial each for itself) {
  auto& first = ask();
  auto& second = ask();
  auto& third = ask();
  end_dial(first, dial_end::http1);
  CAF_CHECK(first.done);
  CAF_CHECK(second.dials && third.dials);
  CAF_CHECK_EQUAL(dialling_now(), 2u);
  CAF_CHECK(woken == std::vector({&second, &third}));
}

CAF_TEST(when a dial failed the others dial and who comes later waits for the first of them) {
  auto& first = ask();
  auto& second = ask();
  auto& third = ask();
  end_dial(first, dial_end::failed);
  CAF_CHECK(second.dials && third.dials);
  auto& late = ask();
  end_dial(third, dial_end::failed); // its dial was nobody's business
  CAF_CHECK(!late.dials);
  end_dial(second, dial_end::failed);
  CAF_CHECK(late.dials);
}

CAF_TEST(when the one that dials is cancelled the others go on) {
  auto& first = ask();
  auto& second = ask();
  auto& third = ask();
  first.flow.reset();
  CAF_CHECK(!second.dials); // not while the other one is on the stack
  settle();
  CAF_CHECK(second.dials && third.dials);
  second.flow.reset();
  third.flow.reset();
  CAF_CHECK(pool.dial_under_way(key) == nullptr);
}

CAF_TEST(who is cancelled while it waits is not woken and holds up nobody) {
  link = connected();
  auto& first = ask();
  auto& leaves = ask();
  auto& stays = ask();
  leaves.flow.reset();
  end_dial(first, dial_end::http2);
  CAF_CHECK(stays.got != nullptr);
  CAF_CHECK(woken == std::vector({&stays}));
  CAF_CHECK(!leaves.got);
}

CAF_TEST(who goes away after the end and before its turn is not woken) {
  auto& first = ask();
  (void)ask();
  first.flow.reset();
  requests.pop_back(); // its waker, too
  settle();
  CAF_CHECK(woken.empty());
}

CAF_TEST(who waits is let go of when its client leaves or its time is up) {
  (void)ask();
  auto& left = requests.emplace_back(loop);
  auto [mine, theirs] = tcp_pair();
  CAF_REQUIRE(left.client.open(loop, mine.release(), &left.wakes));
  left.flow = reach(*this, left);
  left.flow.start(nullptr, [](void*) noexcept {});
  auto& impatient = requests.emplace_back(loop);
  impatient.deadline = loop.now() + 1ms;
  impatient.flow = reach(*this, impatient);
  impatient.flow.start(nullptr, [](void*) noexcept {});
  theirs.reset();
  CAF_CHECK(run_until([&] { return left.done && impatient.dials; }));
  CAF_CHECK(!left.dials);
}

CAF_TEST(a reload meanwhile leaves them waiting and hands nothing on that is of before) {
  link = connected(); // of generation 0
  auto& first = ask();
  auto& second = ask();
  pool.begin_generation(1, limits, timeouts);
  settle();
  CAF_CHECK(woken.empty());
  CAF_CHECK(pool.dial_under_way(key) != nullptr);
  end_dial(first, dial_end::http2);
  CAF_CHECK(woken == std::vector({&second}));
  CAF_CHECK(!second.got);
  CAF_CHECK(second.dials); // under the new policy
}

CAF_TEST(what is waited for outlives the pool and the one that dials) {
  waker flow{loop};
  std::shared_ptr<shared_dial> dial;
  {
    upstream_pool gone{loop};
    dialling mine{gone, key};
    dial = gone.dial_under_way(key);
    CAF_CHECK(!dial->is_over());
  }
  CAF_CHECK(dial->is_over());
  shared_dial::place late{dial, flow};
  std::weak_ptr<shared_dial> seen = dial;
  dial.reset();
  CAF_CHECK(!seen.expired()); // as long as somebody has a place
}

CAF_TEST_FIXTURE_SCOPE_END()
