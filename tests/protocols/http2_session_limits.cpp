#define CAF_SUITE protocols.http2.session_limits
#include "protocols/http2/session.hpp" // unit under test

#include "tests/protocols/http2_session_pair.hpp"

using namespace proxy;
using namespace proxy::http2;
using namespace proxy::test;

CAF_TEST_FIXTURE_SCOPE(session_limits_tests, session_pair)

CAF_TEST(bytes that are no HTTP / 2 end the session) {
  session victim{role::server, {}};
  CAF_CHECK(victim.receive("GET / HTTP/1.1\r\nHost: a\r\n\r\n") || victim.is_over());
  CAF_CHECK(!victim.fault().empty());
}

CAF_TEST(frames that carry nothing are borne for a while only) {
  // An empty DATA frame on a stream that stays open, over and over.
  auto [near, far] = exchange(post);
  (void)near;
  (void)far;
  const char empty_data[] = {0, 0, 0, 0, 0, 0, 0, 0, 1};
  bool over = false;
  for (auto i = 0; i < 20'000 && !over; ++i) {
    over = static_cast<bool>(server.receive({empty_data, sizeof empty_data}));
    while (!server.output().empty()) {
    }
    over |= server.is_over();
  }
  CAF_CHECK(over);
}

CAF_TEST(a client that cuts too many streams short is told to calm down) {
  session_limits limits;
  limits.max_resets = 3;
  session victim{role::server, limits};
  session attacker{role::client, {}};
  auto talk = [&] {
    caf::error end;
    for (auto moved = true; moved && !end;) {
      moved = false;
      for (auto bytes = attacker.output(); !bytes.empty() && !end; bytes = attacker.output()) {
        end = victim.receive(bytes);
        moved = true;
      }
      if (!end)
        moved |= carry(victim, attacker);
    }
    return end;
  };
  CAF_REQUIRE(!talk());
  auto cut_one = [&] {
    auto* s = attacker.open();
    CAF_REQUIRE(s != nullptr);
    CAF_REQUIRE(s->write(get_x).has_value());
    CAF_REQUIRE(!talk());
    auto* seen = victim.accept();
    CAF_REQUIRE(seen != nullptr);
    s->abort();
    auto end = talk();
    if (!end)
      seen->release();
    return end;
  };
  for (auto i = 0; i < 3; ++i)
    CAF_CHECK(!cut_one());
  victim.earn_resets(2);
  CAF_CHECK(!cut_one());
  CAF_CHECK(!cut_one());
  CAF_CHECK(cut_one());
  CAF_CHECK_EQUAL(victim.fault(), "too many streams were cut short: at most 3 at once");
  auto goodbye = victim.output();
  CAF_REQUIRE(goodbye.size() >= 17);
  CAF_CHECK_EQUAL(static_cast<int>(goodbye[3]), 7);   // GOAWAY
  CAF_CHECK_EQUAL(static_cast<int>(goodbye[16]), 11); // ENHANCE_YOUR_CALM
}

CAF_TEST(streams that break the protocol count like those that are cut short) {
  session_limits limits;
  limits.max_resets = 3;
  session victim{role::server, limits};
  session attacker{role::client, {}};
  carry(attacker, victim);
  carry(victim, attacker);
  carry(attacker, victim);
  auto cut = 0;
  for (; cut < 10; ++cut) {
    auto* s = attacker.open();
    CAF_REQUIRE(s->write(post).has_value());
    for (auto bytes = attacker.output(); !bytes.empty(); bytes = attacker.output())
      CAF_REQUIRE(!victim.receive(bytes));
    CAF_REQUIRE(victim.accept() != nullptr);
    // A window beyond its limit is an error of the stream alone (RFC 9113 §6.9.1).
    auto id = static_cast<char>(2 * cut + 1);
    const char window[] = {0, 0, 4, 8, 0, 0, 0, 0, id, 0x7f, -1, -1, -1};
    CAF_CHECK(!victim.receive({window, sizeof window}));
    while (!victim.output().empty()) {
    }
    if (victim.is_over())
      break;
  }
  CAF_CHECK_EQUAL(cut, 3); // from 0 on: the fourth is one too many
  CAF_CHECK_EQUAL(victim.fault(), "too many streams were cut short: at most 3 at once");
}

CAF_TEST(what the server cuts short by itself is not the fault of the client) {
  for (auto i = 0; i < 300; ++i) {
    auto [near, far] = exchange(get_x);
    CAF_REQUIRE(far->write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi").has_value());
    settle();
    far->abort();
    settle();
    CAF_CHECK(near->is_reset());
    near->release();
    settle();
  }
  CAF_CHECK_EQUAL(server.resets(), 0u);
}

CAF_TEST(a head of ours that is too long to be sent is not the fault of the client) {
  session_limits limits;
  limits.head = {1024 * 1024, 100};
  session ours{role::server, limits};
  session reader{role::client, {}};
  carry(reader, ours);
  carry(ours, reader);
  auto* near = reader.open();
  CAF_REQUIRE(near && near->write(get_x).has_value());
  carry(reader, ours);
  auto* far = ours.accept();
  CAF_REQUIRE(far != nullptr);
  auto head = "HTTP/1.1 204 No Content\r\nx: " + std::string(512 * 1024, '~') + "\r\n\r\n";
  CAF_REQUIRE(far->write(head).has_value());
  carry(ours, reader);
  CAF_CHECK(near->is_reset());
  CAF_CHECK(far->is_reset());
  CAF_CHECK(far->state() == stream_state::closed);
  CAF_CHECK_EQUAL(ours.resets(), 0u);
}

CAF_TEST(a connection on which many streams were cut short gets no new ones) {
  auto most = session_limits{}.max_upstream_resets;
  std::vector<stream*> open;
  for (auto* s = client.open(); s; s = client.open()) {
    CAF_REQUIRE(s->write(get_x).has_value());
    settle();
    CAF_REQUIRE(server.accept() != nullptr);
    open.push_back(s);
  }
  CAF_CHECK_EQUAL(open.size(), 2u * most);
  for (auto* s : open)
    s->abort();
  settle();
  CAF_CHECK_EQUAL(client.resets(), 2 * most); // and never more
  CAF_CHECK(!client.may_open());
}

CAF_TEST(streams whose client does not take anything hold little together) {
  session victim{role::server, {}};
  session_limits no_window;
  no_window.upstream_window = 0;
  session reader{role::client, no_window};
  carry(reader, victim);
  carry(victim, reader);
  carry(reader, victim);
  size_t taken = 0;
  for (auto i = 0; i < 100; ++i) {
    auto* s = reader.open();
    CAF_REQUIRE(s && s->write(get_x).has_value());
    carry(reader, victim);
    auto* far = victim.accept();
    CAF_REQUIRE(far != nullptr);
    CAF_REQUIRE(far->write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").has_value());
    carry(victim, reader);
    CAF_CHECK(far->has_room()); // each has a little
    taken += far->write(std::string(1'000'000, 'x')).value_or(0);
    CAF_CHECK(!far->has_room());
  }
  CAF_CHECK(taken <= session_limits{}.max_waiting + 101 * outgoing_message::max_data / 4);
  CAF_CHECK(victim.held() >= taken);
  victim.lose();
}

CAF_TEST(interim responses that nobody takes do not pile up) {
  auto* s = client.open();
  CAF_REQUIRE(s->write(get_x).has_value());
  carry(client, server);
  auto* far = server.accept();
  CAF_REQUIRE(far != nullptr);
  auto interim = "HTTP/1.1 103 Hints\r\nlink: " + std::string(8'000, 'x') + "\r\n\r\n";
  for (auto i = 0; i < 32; ++i)
    CAF_CHECK_EQUAL(far->write(interim).value_or(0), interim.size());
  CAF_CHECK(server.held() < 64 * 1024);
  CAF_CHECK(far->write("HTTP/1.1 204 No Content\r\n\r\n").has_value());
  settle();
  CAF_CHECK(read_all(*s).ends_with("HTTP/1.1 204 \r\n\r\n"));
  far->release();
  s->release();
  settle();
  CAF_CHECK_EQUAL(server.held(), 0u);
}

CAF_TEST(a reader that keeps up is sent more ahead and one that does not is not ) {
  auto [near, far] = exchange(get_x);
  CAF_REQUIRE(far->write("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").has_value());
  settle();
  (void)read_all(*near);
  auto* to = far;
  auto fill = [&] {
    size_t sent = 0;
    for (size_t taken = 1; taken > 0; sent += taken) {
      taken = to->write(std::string(16'384, 'x')).value_or(0);
      settle();
    }
    return sent;
  };
  (void)fill();
  CAF_CHECK(!near->outgrows_window());
  auto before = client.held();
  CAF_CHECK(before <= session_limits{}.upstream_window);
  (void)read_all(*near);
  CAF_REQUIRE(near->outgrows_window());
  near->grow_window();
  CAF_CHECK(!near->outgrows_window());
  settle();
  (void)fill();
  CAF_CHECK(client.held() > before);
  CAF_CHECK(client.held() <= 2 * session_limits{}.upstream_window);
  while (near->has_text()) {
    (void)read_all(*near);
    settle();
    if (near->outgrows_window())
      near->grow_window();
    settle();
    if (near->window() == session_limits{}.max_upstream_window)
      break;
    (void)fill();
  }
  (void)read_all(*near);
  CAF_CHECK(!near->outgrows_window()); // as far as it goes
}

CAF_TEST(a peer that asks for answers and reads none is given up) {
  session victim{role::server, {}};
  session attacker{role::client, {}};
  carry(attacker, victim);
  const char ping[] = {0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
  auto over = false;
  for (auto i = 0; i < 5'000 && !over; ++i)
    over = static_cast<bool>(victim.receive({ping, sizeof ping}));
  CAF_CHECK(over);
}

CAF_TEST_FIXTURE_SCOPE_END()
