#define CAF_SUITE actors.net.http2_link

#include "actors/net/http2_link.hpp" // units under test
#include "actors/net/http2_stream.hpp"

#include "tests/actors/net/link_fixture.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

CAF_TEST_FIXTURE_SCOPE(link_tests, link_fixture)

CAF_TEST(streams of one link serve several flows and wake each for its own news) {
  auto link = connected();
  counter first_flow, second_flow;
  auto first = open_stream(*now.fresh(), link, first_flow);
  auto second = open_stream(*now.fresh(), link, second_flow);
  CAF_REQUIRE(first && second);
  CAF_CHECK(first->io.write(get_x).ok());
  CAF_CHECK(second->io.write(get_x).ok());
  auto& one = next_stream();
  auto& other = next_stream();
  first_flow.fired = second_flow.fired = 0;
  CAF_CHECK(other.write(no_content).has_value());
  CAF_CHECK(play_until([&] { return second_flow.fired > 0; }));
  CAF_CHECK_EQUAL(first_flow.fired, 0);
  CAF_CHECK(!first->io.may_read());
  CAF_CHECK_EQUAL(read(second->io), "HTTP/1.1 204 \r\n\r\n");
  CAF_CHECK(second->io.read(loop.scratch()).ended());
  CAF_CHECK(one.write(no_content).has_value());
  CAF_CHECK(play_until([&] { return first->io.may_read(); }));
  CAF_CHECK_EQUAL(read(first->io), "HTTP/1.1 204 \r\n\r\n");
}

CAF_TEST(the loss of the connection is news for every stream) {
  auto link = connected();
  counter flow;
  auto u = open_stream(*now.fresh(), link, flow);
  CAF_CHECK(u->io.write(get_x).ok());
  (void)next_stream();
  flow.fired = 0;
  far.reset();
  CAF_CHECK(run_until([&] { return flow.fired > 0; }));
  CAF_CHECK(u->io.dead());
  CAF_CHECK(u->io.read(loop.scratch()).failed());
  CAF_CHECK(u->io.write("x").failed());
  CAF_CHECK(link->is_over());
  CAF_CHECK(!link->session().may_open());
}

CAF_TEST(what a peer said before it hung up is heard though the loop has not told of it) {
  auto link = connected();
  counter flow;
  auto asked = open_stream(*now.fresh(), link, flow);
  CAF_CHECK(asked->io.write(get_x).ok());
  auto& seen = next_stream();
  (void)play_until([&] { return peer->output().empty(); });
  settle();
  CAF_CHECK(seen.write(no_content).has_value());
  CAF_CHECK(far.send(peer->output()));
  far.reset();
  auto late = open_stream(*now.fresh(), link, flow);
  CAF_CHECK(late->io.write(get_x).ok());
  link->fire(); // it reads when the loop tells it to, which has not happened yet, and writes
  CAF_CHECK(link->is_over());
  CAF_CHECK_EQUAL(read(asked->io), "HTTP/1.1 204 \r\n\r\n");
}

CAF_TEST(a stream that is let go of early is reset at the upstream) {
  auto link = connected();
  counter flow;
  auto u = open_stream(*now.fresh(), link, flow);
  CAF_CHECK(u->io.write(get_x).ok());
  auto& seen = next_stream();
  u.reset();
  CAF_CHECK(play_until([&] { return seen.is_reset(); }));
  CAF_CHECK_EQUAL(link->session().stream_count(), 0u);
}

CAF_TEST(the pool opens streams of a shared link for its own target only) {
  auto link = connected();
  CAF_CHECK(!pool.has(key));
  pool.share(link);
  CAF_CHECK(pool.has(key));
  CAF_CHECK(!pool.take_stream(*now.fresh(), {true, "b", 443, {}}, handler));
  CAF_CHECK(!pool.take(*now.fresh(), key, handler)); // a connection of its own is another matter
  auto u = pool.take_stream(*now.fresh(), key, handler);
  CAF_REQUIRE(u != nullptr);
  CAF_CHECK(u->reused);
  CAF_CHECK(u->key == key);
  pool.clear();
  CAF_CHECK(!pool.has(key));
  CAF_CHECK(u->io.write(get_x).ok()); // what is open goes on
  CAF_CHECK(next_stream().write(no_content).has_value());
  link.reset();
  CAF_CHECK(play_until([&] { return u->io.may_read(); }));
  CAF_CHECK(!u->io.dead());
}

CAF_TEST(a link of another policy is shared with nobody) {
  auto link = connected();
  pool.begin_generation(3, limits, timeouts);
  pool.share(link);
  CAF_CHECK(!pool.has(key));
  CAF_CHECK(!pool.take_stream(*now.fresh(), key, handler));
}

CAF_TEST(the pool opens no streams on a link of which many were cut short) {
  auto link = connected();
  pool.share(link);
  counter flow;
  for (uint32_t i = 0; i < http2::session_limits{}.max_upstream_resets; ++i) {
    auto u = pool.take_stream(*now.fresh(), key, flow);
    CAF_REQUIRE(u != nullptr);
    CAF_CHECK(u->io.write(get_x).ok());
    auto& seen = next_stream();
    u.reset();
    CAF_CHECK(play_until([&] { return seen.is_reset(); }));
    seen.release();
  }
  CAF_CHECK(pool.take_stream(*now.fresh(), key, flow) == nullptr);
  CAF_CHECK(!pool.has(key));
  CAF_CHECK(play_until([&] { return link->is_over(); })); // nobody has use for it
}

CAF_TEST(what a link holds is counted and given back) {
  memory_budget budget;
  loop.memory().belong_to(budget);
  {
    auto link = connected();
    counter flow;
    auto u = open_stream(*now.fresh(), link, flow);
    CAF_CHECK(u->io.write(get_x).ok());
    auto& seen = next_stream();
    CAF_REQUIRE(seen.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").has_value());
    CAF_REQUIRE(seen.write(std::string(100'000, 'x')).has_value());
    CAF_CHECK(play_until([&] { return link->session().held() > 30'000; }));
    CAF_CHECK(link->session().held() <= http2::session_limits{}.upstream_window + 1000);
    u.reset();
  }
  loop.memory().leave();
  CAF_CHECK_EQUAL(budget.held.load(), 0);
}

CAF_TEST(a link that goes away or is idle for too long is let go of) {
  pool.share(connected());
  auto u = pool.take_stream(*now.fresh(), key, handler);
  CAF_REQUIRE(u != nullptr);
  run_for(120ms);
  CAF_CHECK(pool.has(key)); // in use
  u.reset();
  CAF_CHECK(run_until([&] { return pool.size() == 0; }));
  pool.share(connected());
  peer->drain();
  CAF_CHECK(play_until([&] { return !pool.has(key); }));
}

CAF_TEST(no more links are shared than connections may idle) {
  std::vector<std::unique_ptr<upstream>> held;
  for (auto i = 0; i < 3; ++i) {
    auto link = connected();
    auto busy = open_stream(*now.fresh(), link, handler);
    held.push_back(std::move(busy)); // idle ones would make room
    pool.share(std::move(link));
  }
  CAF_CHECK_EQUAL(pool.size(), 2u);
}

CAF_TEST(what an upstream speaks is remembered until the policy changes) {
  CAF_CHECK(pool.speaks(key) == origin_protocol::unknown);
  pool.note(key, origin_protocol::http2);
  CAF_CHECK(pool.speaks(key) == origin_protocol::http2);
  pool.clear();
  CAF_CHECK(pool.speaks(key) == origin_protocol::unknown);
}

CAF_TEST_FIXTURE_SCOPE_END()
