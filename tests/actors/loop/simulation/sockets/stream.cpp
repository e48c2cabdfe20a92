#define CAF_SUITE actors.loop.simulation.stream
#include "actors/loop/simulation/sockets/stream.hpp" // unit under test

#include <cerrno>
#include <cstring>

#include "actors/loop/task/waker.hpp"
#include "tests/actors/loop/simulation/peer.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::simulation;
using namespace std::chrono_literals;

namespace {

/// Counts how often a socket has become ready.
struct watch final : ready_handler {
  void fire() override { ++times; }
  int times = 0;
};

struct fixture {
  fixture() { listener = listen_at(there, ip("203.0.113.1"), 80); }

  void arrive() { w.run_for(1s); }
  void connect() {
    CAF_REQUIRE_EQUAL(client.connect(ip("203.0.113.1"), 80), 0);
    arrive();
    CAF_REQUIRE(server.accept(listener));
    CAF_REQUIRE(client.is_connected());
  }

  world w{1};
  node& here = w.net().add_node("here", {ip("192.0.2.1"), ip("2001:db8::1")});
  node& there = w.net().add_node("there", {ip("203.0.113.1")});
  int listener = -1;
  peer client{here}, server{there};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(stream_tests, fixture)

CAF_TEST(bytes go both ways after the way there) {
  conditions slow;
  slow.delay = 10ms;
  w.net().set_conditions(here, there, slow);
  w.net().set_conditions(there, here, slow);
  connect();
  CAF_CHECK_EQUAL(client.say("ping"), 4u);
  w.run_for(9ms);
  CAF_CHECK_EQUAL(server.heard(), "");
  w.run_for(1ms);
  CAF_CHECK_EQUAL(server.heard(), "ping");
  CAF_CHECK_EQUAL(server.say("pong"), 4u);
  arrive();
  CAF_CHECK_EQUAL(client.heard(), "pong");
}

CAF_TEST(both ends know where they are) {
  connect();
  auto mine = here.local_address(client.descriptor()),
       theirs = there.peer_address(server.descriptor());
  CAF_CHECK(mine.ip() == ip("192.0.2.1"));
  CAF_CHECK(theirs.ip() == mine.ip() && theirs.port() == mine.port());
  CAF_CHECK(there.local_address(server.descriptor()).ip() == ip("203.0.113.1"));
  CAF_CHECK_EQUAL(there.local_address(server.descriptor()).port(), 80);
}

CAF_TEST(who does not listen refuses and who is nowhere is not found) {
  CAF_CHECK_EQUAL(client.connect(ip("203.0.113.1"), 81), 0);
  arrive();
  CAF_CHECK_EQUAL(here.take_error(client.descriptor()), ECONNREFUSED);
  peer lost{here};
  CAF_CHECK_EQUAL(lost.connect(ip("198.51.100.9"), 80), EHOSTUNREACH);
}

CAF_TEST(a way may refuse or swallow whoever connects) {
  conditions way;
  way.swallows = true;
  w.net().set_conditions(here, there, way);
  CAF_CHECK_EQUAL(client.connect(ip("203.0.113.1"), 80), 0);
  w.run_for(1h);
  CAF_CHECK_EQUAL(here.readiness(client.descriptor()), 0);
  way.swallows = false;
  way.refuses = true;
  w.net().set_conditions(here, there, way);
  peer other{here};
  CAF_CHECK_EQUAL(other.connect(ip("203.0.113.1"), 80), 0);
  arrive();
  CAF_CHECK_EQUAL(here.take_error(other.descriptor()), ECONNREFUSED);
}

CAF_TEST(one half ends and the other goes on) {
  connect();
  client.say("question");
  client.finish();
  arrive();
  CAF_CHECK_EQUAL(server.heard(), "question");
  CAF_CHECK(server.ended);
  CAF_CHECK_EQUAL(client.say("more"), 0u);
  CAF_CHECK_EQUAL(client.error, EPIPE);
  CAF_CHECK_EQUAL(server.say("answer"), 6u);
  arrive();
  CAF_CHECK_EQUAL(client.heard(), "answer");
  CAF_CHECK(!client.ended);
}

CAF_TEST(a reset is told after what came before it and then there is nothing more) {
  connect();
  server.say("last words");
  arrive();
  server.reset();
  arrive();
  CAF_CHECK_EQUAL(client.heard(), "last words");
  CAF_CHECK_EQUAL(client.error, ECONNRESET);
  (void)client.heard();
  CAF_CHECK(client.ended);
  CAF_CHECK_EQUAL(client.say("hello?"), 0u);
  CAF_CHECK_EQUAL(client.error, EPIPE);
}

CAF_TEST(closing with unread bytes resets and closing without ends) {
  connect();
  client.say("unread");
  arrive();
  server.close();
  arrive();
  (void)client.heard();
  CAF_CHECK_EQUAL(client.error, ECONNRESET);
  client.close();
  peer second{here};
  CAF_REQUIRE_EQUAL(second.connect(ip("203.0.113.1"), 80), 0);
  arrive();
  CAF_REQUIRE(server.accept(listener));
  server.close();
  arrive();
  (void)second.heard();
  CAF_CHECK(second.ended);
  CAF_CHECK_EQUAL(second.error, 0);
}

CAF_TEST(what comes for somebody who has gone is answered by a reset) {
  connect();
  server.close();
  arrive();
  CAF_CHECK_EQUAL(client.say("anybody?"), 8u);
  arrive();
  CAF_CHECK_EQUAL(client.say("anybody?"), 0u);
  CAF_CHECK_EQUAL(client.error, EPIPE);
  (void)client.heard();
  CAF_CHECK(client.ended);
}

CAF_TEST(a reader that reads nothing stops the writer until it reads) {
  connect();
  const std::string block(64 * 1024, 'b');
  size_t sent = 0;
  while (auto n = client.say(block))
    sent += n;
  CAF_CHECK_EQUAL(client.error, EAGAIN);
  CAF_CHECK_EQUAL(sent, stream::window);
  arrive();
  CAF_CHECK_EQUAL(client.say(block), 0u);
  CAF_CHECK_EQUAL(server.heard().size(), stream::window);
  arrive();
  CAF_CHECK_EQUAL(client.say(block), block.size());
}

CAF_TEST(short calls lose nothing) {
  conditions pieces;
  pieces.longest_read = 3;
  pieces.longest_write = 5;
  pieces.spurious = 200'000;
  w.net().set_conditions(here, there, pieces);
  connect();
  std::string all;
  for (int i = 0; i < 200; ++i)
    all += std::to_string(i) + ' ';
  std::string_view left = all;
  for (int turn = 0; turn < 10'000 && server.heard().size() < all.size(); ++turn) {
    left.remove_prefix(client.say(left));
    w.run_for(1ms);
  }
  CAF_CHECK_EQUAL(server.text, all);
}

CAF_TEST(a way resets a stream at the byte that it is told) {
  conditions way;
  way.reset_at = 10;
  w.net().set_conditions(here, there, way);
  connect();
  CAF_CHECK_EQUAL(client.say("12345678"), 8u);
  CAF_CHECK_EQUAL(client.say("9abcdef"), 7u);
  arrive();
  CAF_CHECK_EQUAL(server.heard(), "123456789a");
  CAF_CHECK_EQUAL(server.error, ECONNRESET);
}

CAF_TEST(whoever waits at the end that wrote too much is woken and told of the reset) {
  conditions way;
  way.reset_at = 10;
  w.net().set_conditions(here, there, way);
  auto fd = here.open(socket_kind::stream, AF_INET);
  auto name = make_sockaddr(ip("203.0.113.1"), 80);
  (void)here.connect(fd, name.get(), name.size);
  watch seen;
  proxy::socket mine;
  CAF_REQUIRE(mine.open(w.add_loop(here), fd, &seen));
  arrive();
  CAF_CHECK(mine.may_write() && !mine.may_read());
  CAF_CHECK(mine.write("0123456789abcdef").ok());
  seen.times = 0;
  arrive();
  CAF_CHECK_EQUAL(seen.times, 1);
  CAF_CHECK(mine.may_read() && mine.dead());
  char room[16];
  auto got = mine.read(room);
  CAF_CHECK_EQUAL(got.error, ECONNRESET);
}

CAF_TEST(a slow way takes its time) {
  conditions way;
  way.bytes_per_second = 1000;
  w.net().set_conditions(here, there, way);
  connect();
  CAF_CHECK_EQUAL(client.say(std::string(500, 'x')), 500u);
  w.run_for(400ms);
  CAF_CHECK_EQUAL(server.heard().size(), 0u);
  w.run_for(100ms);
  CAF_CHECK_EQUAL(server.heard().size(), 500u);
}

CAF_TEST(an address is held by one listener unless both share it) {
  auto second = there.open(socket_kind::listener, AF_INET);
  auto any = make_sockaddr(ip_address::v4(0), 80);
  CAF_CHECK_EQUAL(there.bind(second, any.get(), any.size), -1);
  CAF_CHECK_EQUAL(errno, EADDRINUSE);
  there.share_port(listener, true);
  there.share_port(second, true);
  CAF_CHECK_EQUAL(there.bind(second, any.get(), any.size), 0);
  there.close(listener);
  CAF_CHECK_EQUAL(there.listen(second), 0);
  CAF_CHECK_EQUAL(client.connect(ip("203.0.113.1"), 80), 0);
  arrive();
  CAF_CHECK(server.accept(second));
}

CAF_TEST(without descriptors nothing is opened and nobody accepted) {
  CAF_REQUIRE_EQUAL(client.connect(ip("203.0.113.1"), 80), 0);
  arrive();
  there.limit_descriptors(there.descriptors());
  CAF_CHECK_EQUAL(there.open(socket_kind::stream, AF_INET), -1);
  CAF_CHECK_EQUAL(errno, EMFILE);
  CAF_CHECK(!server.accept(listener));
  CAF_CHECK_EQUAL(errno, EMFILE);
  auto waits = listen_at(here, ip("192.0.2.1"), 81);
  here.limit_descriptors(here.descriptors());
  ip_sockaddr from;
  CAF_CHECK_EQUAL(here.accept(waits, from), -1); // whether anybody waits or not
  CAF_CHECK_EQUAL(errno, EMFILE);
  there.limit_descriptors(there.descriptors() + 1);
  auto spare = there.open_spare();
  CAF_CHECK(spare >= 0);
  CAF_CHECK(!server.accept(listener));
  there.close(spare);
  CAF_CHECK(server.accept(listener));
}

CAF_TEST(calls fail as a test has planned) {
  struct row {
    call which;
    int error;
    std::function<int()> makes; ///< The call. @returns 0, or errno.
  };
  auto errno_of = [](ssize_t n) { return n < 0 ? errno : 0; };
  connect();
  server.say("12345");
  arrive();
  char room[1];
  for (const auto& [which, error, makes] : std::initializer_list<row>{
         {call::open, ENFILE, [&] { return errno_of(here.open(socket_kind::stream, AF_INET)); }},
         {call::read, ENOMEM, [&] { return errno_of(here.read(client.descriptor(), room)); }},
         {call::write, ENOBUFS,
          [&] { return errno_of(here.write(client.descriptor(), "x", false)); }},
         {call::pipe, EMFILE, [&] { return here.open_pipe(1) ? 0 : EMFILE; }},
       }) {
    here.fail(which, error, 2, 1);
    CAF_CHECK_EQUAL(here.to_fail(which), 2u);
    auto first = makes(), second = makes(), third = makes(), fourth = makes();
    CAF_CHECK_EQUAL(first, 0);
    CAF_CHECK_EQUAL(second, error);
    CAF_CHECK_EQUAL(third, error);
    CAF_CHECK_EQUAL(fourth, 0);
  }
  here.fail(call::connect, ENOMEM);
  peer second{here};
  CAF_CHECK_EQUAL(second.connect(ip("203.0.113.1"), 80), ENOMEM);
}

CAF_TEST(a call that finds the connection broken resets the other end and hears nothing more) {
  for (auto error : {EPIPE, ECONNRESET, ETIMEDOUT}) {
    CAF_MESSAGE(std::strerror(error));
    peer mine{here}, theirs{there};
    CAF_REQUIRE_EQUAL(mine.connect(ip("203.0.113.1"), 80), 0);
    arrive();
    CAF_REQUIRE(theirs.accept(listener));
    char room[1];
    here.fail(call::write, error);
    CAF_CHECK_EQUAL(here.write(mine.descriptor(), "x", false), -1);
    CAF_CHECK_EQUAL(errno, error);
    CAF_CHECK_EQUAL(here.read(mine.descriptor(), room), 0);
    CAF_CHECK_EQUAL(here.write(mine.descriptor(), "x", false), -1);
    CAF_CHECK_EQUAL(errno, EPIPE);
    arrive();
    CAF_CHECK_EQUAL(there.read(theirs.descriptor(), room), -1);
    CAF_CHECK_EQUAL(errno, ECONNRESET);
  }
}

CAF_TEST(accepting fails only where somebody waits and who aborts waits no more) {
  peer taken{there};
  there.fail(call::accept, ENOMEM);
  CAF_CHECK(!taken.accept(listener));
  CAF_CHECK_EQUAL(errno, EAGAIN);
  CAF_REQUIRE_EQUAL(client.connect(ip("203.0.113.1"), 80), 0);
  arrive();
  CAF_CHECK(!taken.accept(listener));
  CAF_CHECK_EQUAL(errno, ENOMEM);
  there.fail(call::accept, ECONNABORTED);
  CAF_CHECK(!taken.accept(listener));
  CAF_CHECK_EQUAL(errno, ECONNABORTED);
  CAF_CHECK(!taken.accept(listener));
  CAF_CHECK_EQUAL(errno, EAGAIN);
}

CAF_TEST(bytes are spliced through a pipe) {
  connect();
  auto pipe = there.open_pipe(1000);
  CAF_REQUIRE(pipe);
  client.say(std::string(1500, 'p'));
  arrive();
  CAF_CHECK_EQUAL(there.splice_in(server.descriptor(), pipe.write, 5000), 1000);
  CAF_CHECK_EQUAL(there.splice_in(server.descriptor(), pipe.write, 5000), -1);
  CAF_CHECK_EQUAL(there.splice_out(pipe.read, server.descriptor(), 600, true), 600);
  CAF_CHECK_EQUAL(there.splice_in(server.descriptor(), pipe.write, 5000), 500);
  CAF_CHECK_EQUAL(there.splice_out(pipe.read, server.descriptor(), 5000, false), 900);
  arrive();
  CAF_CHECK_EQUAL(client.heard().size(), 1500u);
  there.close(pipe.read);
  there.close(pipe.write);
}

CAF_TEST_FIXTURE_SCOPE_END()
