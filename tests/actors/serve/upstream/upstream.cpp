#define CAF_SUITE actors.serve.upstream.upstream

#include "actors/serve/upstream/upstream.hpp" // unit under test

#include "tests/actors/granting.hpp"
#include "tests/actors/loop/sockets.hpp"
#include "tests/support/loop_fixture.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

struct idle_handler final : ready_handler {
  void fire() override {}
};

struct fixture : loop_fixture {
  fixture() {
    limits.max_idle_upstreams = 3;
    limits.max_idle_upstreams_per_origin = 2;
    timeouts.upstream_idle = 50ms;
    pool.begin_generation(0, limits, timeouts);
  }

  /// A connection to `name`, the far end kept in `far`.
  std::unique_ptr<upstream> connected(const std::string& name) {
    auto [mine, theirs] = tcp_pair();
    far.push_back(std::move(theirs));
    auto u = std::make_unique<upstream>();
    u->key = {false, name, 80, {}};
    CAF_REQUIRE(u->io.open(loop, mine.release(), &handler));
    loop.turn(0ms);
    return u;
  }

  granting now;
  config::limits limits;
  config::timeouts timeouts;
  idle_handler handler;
  upstream_pool pool{loop};
  std::vector<decltype(tcp_pair().first)> far;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(upstream_tests, fixture)

CAF_TEST(a kept connection serves its own target only) {
  pool.keep(connected("a"));
  CAF_CHECK(!pool.take(*now.fresh(), {false, "b", 80, {}}, handler));
  CAF_CHECK(!pool.take(*now.fresh(), {true, "a", 80, {}}, handler));
  CAF_CHECK(!pool.take(*now.fresh(), {false, "a", 81, {}}, handler));
  CAF_CHECK(!pool.take(*now.fresh(), {false, "a", 80, "http://proxy:1"}, handler));
  auto taken = pool.take(*now.fresh(), {false, "a", 80, {}}, handler);
  CAF_REQUIRE(taken != nullptr);
  CAF_CHECK(taken->reused);
  CAF_CHECK(!pool.take(*now.fresh(), {false, "a", 80, {}}, handler));
}

CAF_TEST(what was made under another policy is not kept) {
  pool.begin_generation(7, limits, timeouts);
  pool.keep(connected("a")); // of generation 0
  CAF_CHECK_EQUAL(pool.size(), 0u);
  auto u = connected("a");
  u->generation = 7;
  pool.keep(std::move(u));
  CAF_CHECK_EQUAL(pool.size(), 1u);
  pool.begin_generation(8, limits, timeouts);
  CAF_CHECK_EQUAL(pool.size(), 0u);
}

CAF_TEST(nothing is taken by what another policy has granted) {
  pool.begin_generation(7, limits, timeouts);
  login_connections logins{pool};
  for (auto own : {false, true}) {
    auto u = connected("a");
    u->generation = 7;
    if (own)
      logins.keep(std::move(u), "alice");
    else
      pool.keep(std::move(u));
  }
  upstream_key a{false, "a", 80, {}};
  CAF_CHECK(!pool.take(*now.fresh(), a, handler)); // granted by generation 0
  CAF_CHECK(!logins.take(*now.fresh(), a, "alice", handler));
  granting newer{7};
  CAF_CHECK(pool.take(*newer.fresh(), a, handler) != nullptr);
  CAF_CHECK(logins.take(*newer.fresh(), a, "alice", handler) != nullptr);
}

CAF_TEST(what a client may have logged in to is not kept for others) {
  auto u = connected("a");
  u->logged_in = true;
  pool.keep(std::move(u));
  CAF_CHECK_EQUAL(pool.size(), 0u);
}

CAF_TEST(a login serves its own target and user under its own policy while it lives) {
  login_connections logins{pool};
  logins.keep(connected("a"), "alice");
  CAF_CHECK(!logins.take(*now.fresh(), {false, "b", 80, {}}, "alice", handler));
  CAF_CHECK(!logins.take(*now.fresh(), {false, "a", 80, {}}, "bob", handler));
  CAF_CHECK(!logins.take(*now.fresh(), {false, "a", 80, {}}, "", handler));
  auto taken = logins.take(*now.fresh(), {false, "a", 80, {}}, "alice", handler);
  CAF_REQUIRE(taken != nullptr);
  CAF_CHECK(!logins.take(*now.fresh(), {false, "a", 80, {}}, "alice", handler));
  logins.keep(std::move(taken), "alice");
  pool.begin_generation(1, limits, timeouts);
  CAF_CHECK_EQUAL(logins.size(), 0u);
  logins.keep(connected("a"), "alice"); // of generation 0
  CAF_CHECK_EQUAL(logins.size(), 0u);
  pool.begin_generation(0, limits, timeouts);
  logins.keep(connected("a"), "alice");
  CAF_CHECK_EQUAL(logins.size(), 1u);
  far.clear();
  CAF_CHECK(run_until([&] { return logins.size() == 0; })); // its upstream ended it
}

CAF_TEST(logins are kept no longer and are no more than idle connections) {
  login_connections some{pool}, others{pool};
  for (int i = 0; i < 2; ++i) {
    some.keep(connected("a"), "");
    others.keep(connected("a"), "");
  }
  CAF_CHECK_EQUAL(some.size() + others.size(), 3u); // max_idle_upstreams
  CAF_CHECK(run_until([&] { return some.size() + others.size() == 0; }));
}

CAF_TEST(the oldest login makes room) {
  limits.max_idle_upstreams = 100;
  pool.begin_generation(0, limits, timeouts);
  login_connections logins{pool};
  for (size_t i = 0; i <= login_connections::max_kept; ++i)
    logins.keep(connected(std::to_string(i)), "");
  CAF_CHECK(!logins.take(*now.fresh(), {false, "0", 80, {}}, "", handler));
  CAF_CHECK(logins.take(*now.fresh(), {false, "1", 80, {}}, "", handler) != nullptr);
}

CAF_TEST(limits hold for each origin and for all) {
  for (int i = 0; i < 3; ++i)
    pool.keep(connected("a"));
  CAF_CHECK_EQUAL(pool.size(), 2u);
  pool.keep(connected("b"));
  pool.keep(connected("c")); // the oldest goes
  CAF_CHECK_EQUAL(pool.size(), 3u);
  CAF_CHECK(pool.take(*now.fresh(), {false, "c", 80, {}}, handler) != nullptr);
}

CAF_TEST(a connection that its upstream closes is dropped at once) {
  pool.keep(connected("a"));
  far.clear();
  CAF_CHECK(run_until([this] { return pool.size() == 0; }));
  CAF_CHECK(!pool.take(*now.fresh(), {false, "a", 80, {}}, handler));
}

CAF_TEST(bytes that nobody asked for end a kept connection) {
  pool.keep(connected("a"));
  far[0].send("HTTP/1.1 200 OK\r\n\r\n");
  CAF_CHECK(run_until([this] { return pool.size() == 0; }));
}

CAF_TEST(room to write more is no reason to drop a kept connection) {
  timeouts.upstream_idle = 1min;
  pool.begin_generation(0, limits, timeouts);
  auto u = connected("a");
  const std::string block(64 * 1024, 'x');
  size_t sent = 0;
  for (auto wrote = u->io.write(block); wrote.ok(); wrote = u->io.write(block))
    sent += wrote.size;
  pool.keep(std::move(u));
  size_t taken = 0;
  CAF_REQUIRE(run_until([&] { return (taken += far[0].receive().size()) == sent; }));
  run_for(20ms);
  CAF_CHECK_EQUAL(pool.size(), 1u);
}

CAF_TEST(a connection with something unread is not kept) {
  auto u = connected("a");
  far[0].send("x");
  CAF_REQUIRE(run_until([&] { return u->io.may_read(); }));
  pool.keep(std::move(u));
  CAF_CHECK_EQUAL(pool.size(), 0u);
}

CAF_TEST(an idle connection is closed after its time) {
  pool.keep(connected("a"));
  CAF_CHECK_EQUAL(pool.size(), 1u);
  CAF_CHECK(run_until([this] { return pool.size() == 0; }));
}

CAF_TEST_FIXTURE_SCOPE_END()
