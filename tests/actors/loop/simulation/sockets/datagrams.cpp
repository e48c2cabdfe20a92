#define CAF_SUITE actors.loop.simulation.datagrams
#include "actors/loop/simulation/sockets/datagrams.hpp" // unit under test

#include "actors/loop/datagram_buffer.hpp"
#include "tests/actors/loop/simulation/peer.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::simulation;
using namespace std::chrono_literals;

namespace {

struct fixture {
  fixture() {
    mine = here.open(socket_kind::datagram_rows, AF_INET);
    theirs = there.open(socket_kind::datagram_rows, AF_INET);
    auto name = make_sockaddr(ip("203.0.113.1"), 53);
    CAF_REQUIRE_EQUAL(there.bind(theirs, name.get(), name.size), 0);
  }

  ssize_t send(std::string_view bytes, uint16_t port = 53) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    auto to = make_sockaddr(ip("203.0.113.1"), port);
    datagram_row row{&to, {&part, 1}, 0};
    return here.send(mine, {&row, 1});
  }
  std::vector<std::string> received() {
    w.run_for(1s);
    std::vector<std::string> out;
    for (ssize_t n; (n = there.receive(theirs, buffer)) > 0;) {
      buffer.fill(static_cast<size_t>(n));
      buffer.each([&](const datagram_buffer::item& each) { out.emplace_back(each.bytes); });
    }
    return out;
  }

  world w{1};
  node& here = w.net().add_node("here", {ip("192.0.2.1")});
  node& there = w.net().add_node("there", {ip("203.0.113.1")});
  datagram_buffer buffer;
  int mine = -1, theirs = -1;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(datagrams_tests, fixture)

CAF_TEST(a datagram arrives whole with the address of who sent it) {
  CAF_CHECK_EQUAL(send("question"), 1);
  w.run_for(1s);
  CAF_REQUIRE_EQUAL(there.receive(theirs, buffer), 1);
  CAF_CHECK_EQUAL(std::string(buffer.slot(0), buffer.at(0).size), "question");
  CAF_CHECK(buffer.at(0).from.ip() == ip("192.0.2.1"));
  CAF_CHECK_EQUAL(buffer.at(0).from.port(), here.local_address(mine).port());
  CAF_CHECK_EQUAL(there.receive(theirs, buffer), -1);
  CAF_CHECK_EQUAL(errno, EAGAIN);
}

CAF_TEST(a way loses some and doubles others) {
  conditions way;
  way.lost = 500'000;
  w.net().set_conditions(here, there, way);
  size_t arrived = 0;
  for (int i = 0; i < 100; ++i) {
    send("x");
    arrived += received().size();
  }
  CAF_CHECK(arrived > 20 && arrived < 80);
  way.lost = 0;
  way.doubled = 1'000'000;
  w.net().set_conditions(here, there, way);
  send("x");
  auto twice = received();
  CAF_CHECK((twice == std::vector<std::string>{"x", "x"}));
}

CAF_TEST(who is connected hears that nobody listens and who is not does not ) {
  auto asker = here.open(socket_kind::datagram, AF_INET);
  auto nobody = make_sockaddr(ip("203.0.113.1"), 54);
  CAF_REQUIRE_EQUAL(here.connect(asker, nobody.get(), nobody.size), 0);
  CAF_CHECK_EQUAL(here.write(asker, "hello?", false), 6);
  w.run_for(1s);
  char room[16];
  CAF_CHECK_EQUAL(here.read(asker, room), -1);
  CAF_CHECK_EQUAL(errno, ECONNREFUSED);
  CAF_CHECK_EQUAL(send("hello?", 54), 1);
  w.run_for(1s);
  CAF_CHECK_EQUAL(here.receive(mine, buffer), -1);
  CAF_CHECK_EQUAL(errno, EAGAIN);
}

CAF_TEST(who is connected takes from nobody else) {
  auto asker = there.open(socket_kind::datagram, AF_INET);
  auto other = make_sockaddr(ip("192.0.2.1"), 9);
  CAF_REQUIRE_EQUAL(there.connect(asker, other.get(), other.size), 0);
  send("not for you", there.local_address(asker).port());
  w.run_for(1s);
  char room[16];
  CAF_CHECK_EQUAL(there.read(asker, room), -1);
  CAF_CHECK_EQUAL(errno, EAGAIN);
}

CAF_TEST(a row of several comes as one to whom takes rows and one by one to others) {
  std::string text = "aabbc";
  iovec part{text.data(), text.size()};
  auto to = make_sockaddr(ip("203.0.113.1"), 53);
  datagram_row row{&to, {&part, 1}, 2};
  CAF_CHECK_EQUAL(here.send(mine, {&row, 1}), 1);
  send("d");
  w.run_for(1s);
  CAF_CHECK_EQUAL(there.receive(theirs, buffer), 2);
  buffer.fill(2);
  std::vector<std::string> got;
  buffer.each([&](const datagram_buffer::item& each) { got.emplace_back(each.bytes); });
  CAF_CHECK((got == std::vector<std::string>{"aa", "bb", "c", "d"}));
  CAF_CHECK_EQUAL(buffer.at(0).segment, 2u);

  auto plain = there.open(socket_kind::datagram, AF_INET);
  auto name = make_sockaddr(ip("203.0.113.1"), 54);
  CAF_REQUIRE_EQUAL(there.bind(plain, name.get(), name.size), 0);
  row.to = &name;
  CAF_CHECK_EQUAL(here.send(mine, {&row, 1}), 1);
  w.run_for(1s);
  char room[16];
  for (std::string_view each : {"aa", "bb", "c"}) {
    CAF_CHECK_EQUAL(there.receive_from(plain, room, nullptr), static_cast<ssize_t>(each.size()));
    CAF_CHECK(std::string_view(room, each.size()) == each);
  }
}

CAF_TEST(a way loses some of a row and not the others) {
  conditions way;
  way.lost = 300'000;
  w.net().set_conditions(here, there, way);
  std::string text(60 * 10, 'x');
  iovec part{text.data(), text.size()};
  auto to = make_sockaddr(ip("203.0.113.1"), 53);
  datagram_row row{&to, {&part, 1}, 10};
  CAF_CHECK_EQUAL(here.send(mine, {&row, 1}), 1);
  w.run_for(1s);
  CAF_CHECK_EQUAL(there.receive(theirs, buffer), 1);
  CAF_CHECK(buffer.at(0).size >= 20 * 10 && buffer.at(0).size <= 55 * 10);
}

CAF_TEST(a row that no packet could carry is refused) {
  std::string text(70'000, 'x');
  iovec part{text.data(), text.size()};
  auto to = make_sockaddr(ip("203.0.113.1"), 53);
  for (auto [segment, error] :
       {std::pair{size_t{2000}, EINVAL}, {size_t{100}, EINVAL}, {size_t{1400}, EMSGSIZE}}) {
    datagram_row row{&to, {&part, 1}, segment};
    CAF_CHECK_EQUAL(here.send(mine, {&row, 1}), -1);
    CAF_CHECK_EQUAL(errno, error);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
