#define CAF_SUITE actors.flows.tunnel_ends
#include "tests/actors/flows/tunnelled.hpp"

#include <cerrno>

using namespace proxy;
using namespace proxy::test;

/// How a tunnel that stands ends.

CAF_TEST(a tunnel that is cut while it is held up leaves no pipe behind) {
  tunnelled s;
  auto before = s.here.descriptors();
  s.open();
  s.who->read_nothing();
  s.origin->say(noise(500'000, 9));
  s.pass(10s);
  auto held = s.here.descriptors();
  CAF_CHECK_EQUAL(held, before + 4); // two sockets, and both ends of a pipe
  s.who->reset();
  CAF_CHECK(s.is_over(*s.origin));
  s.pass(1s);
  auto left = s.here.descriptors();
  CAF_CHECK_EQUAL(left, before);
}

CAF_TEST(who has said its last byte still hears all that the other one says) {
  struct row {
    bool client_first;
    size_t size;
  } rows[] = {{true, 10}, {false, 10}, {true, 1'000'000}, {false, 1'000'000}};
  for (auto& [client_first, size] : rows) {
    tunnelled s;
    s.open();
    auto& first = client_first ? *s.who : *s.origin;
    auto& second = client_first ? *s.origin : *s.who;
    auto bytes = noise(size, 10);
    first.say(bytes);
    first.finish();
    CAF_CHECK(s.is_over(second));
    CAF_CHECK(second.text == bytes);
    s.pass(5min); // a half-open tunnel is as good as any other
    CAF_CHECK(!first.is_over());
    CAF_CHECK(s.carries(second, first, noise(size, 11)));
    CAF_CHECK(!first.is_over());
    second.finish();
    CAF_CHECK(s.is_over(first, 1s));
    CAF_CHECK(first.error == 0 && second.error == 0);
    s.pass(1s);
    CAF_CHECK(s.logs("end=done"));
  }
}

CAF_TEST(a peer that breaks off is seen by the other one as that and not as an end) {
  struct row {
    bool client_goes;
    bool half_closed; ///< The other one has said its last byte before.
    size_t unread;    ///< Sent by who goes, just before.
    const char* end;
  } rows[] = {
    {true, false, 0, "end=client_gone"},       {false, false, 0, "end=upstream_gone"},
    {true, true, 0, "end=client_gone"},        {false, true, 0, "end=upstream_gone"},
    {true, false, 400'000, "end=client_gone"}, {false, false, 400'000, "end=upstream_gone"},
  };
  for (auto& [client_goes, half_closed, unread, end] : rows) {
    CAF_MESSAGE(end << " half closed: " << half_closed << " unread: " << unread);
    tunnelled s;
    auto before = s.here.sockets();
    s.open();
    auto& goes = client_goes ? *s.who : *s.origin;
    auto& stays = client_goes ? *s.origin : *s.who;
    CAF_CHECK(s.carries(*s.who, *s.origin, "hello"));
    if (half_closed) {
      stays.finish();
      CAF_CHECK(s.is_over(goes));
    }
    if (unread > 0) {
      stays.read_nothing();
      goes.say(std::string(unread, 'x'));
      s.pass(1s);
    }
    goes.reset();
    s.pass(1s);
    stays.read_nothing(false);
    CAF_CHECK(s.until([&] { return stays.is_over(); }, 2s));
    auto error = stays.error;
    CAF_CHECK_EQUAL(error, ECONNRESET);
    CAF_CHECK(!stays.ended);
    s.pass(1s);
    auto left = s.here.sockets();
    CAF_CHECK_EQUAL(left, before);
    CAF_CHECK(s.logs(end));
  }
}

CAF_TEST(a connection that is lost within a bulk is told as that) {
  for (auto to_client : {true, false})
    for (auto of_sender : {true, false}) { // it, or the other one
      CAF_MESSAGE(to_client << of_sender);
      tunnelled s;
      s.open();
      auto& sender = to_client ? *s.origin : *s.who;
      auto& hears = to_client ? *s.who : *s.origin;
      auto& from = to_client ? s.at.on : s.user;
      auto& to = to_client ? s.user : s.at.on;
      simulation::conditions lossy{.reset_at = 700'000};
      if (of_sender)
        s.w.net().set_conditions(from, s.here, lossy);
      else
        s.w.net().set_conditions(s.here, to, lossy);
      sender.say(noise(2'000'000, 12));
      CAF_CHECK(s.is_over(sender));
      CAF_CHECK(s.is_over(hears));
      CAF_CHECK(sender.error != 0 && hears.error == ECONNRESET && !hears.ended);
      CAF_CHECK(hears.text.size() <= 700'000 && hears.text.size() > 400'000);
    }
}

CAF_TEST(a tunnel in which nothing moves ends at its deadline and each byte begins it anew) {
  struct row {
    bool client_speaks, origin_speaks, half_closed;
  } rows[] = {
    {false, false, false}, {true, false, false}, {false, true, false}, {true, true, true}};
  for (auto& [client_speaks, origin_speaks, half_closed] : rows) {
    tunnelled s{"timeouts.idle = \"1m\""};
    s.open();
    for (auto [speaks, from, to] :
         {std::tuple{client_speaks, s.who, s.origin}, std::tuple{origin_speaks, s.origin, s.who}})
      if (speaks) {
        s.pass(50s);
        CAF_CHECK(s.carries(*from, *to, "x"));
      }
    if (half_closed) {
      s.origin->finish();
      CAF_CHECK(s.is_over(*s.who));
      s.pass(0s);
    }
    auto ends = [&] { return half_closed ? s.origin->is_over() : s.who->is_over(); };
    CAF_CHECK(!s.until(ends, 59s));
    CAF_CHECK(s.until(ends, 2s));
    CAF_CHECK(s.is_over(*s.origin, 1s) && s.is_over(*s.who, 1s));
    CAF_CHECK(s.logs("end=idle"));
  }
}

CAF_TEST(a tunnel waits a quarter of an hour when nobody says otherwise) {
  tunnelled s;
  s.open();
  CAF_CHECK(!s.is_over(*s.who, 15min - 1s));
  CAF_CHECK(s.is_over(*s.who, 2s));
  CAF_CHECK(s.is_over(*s.origin, 1s));
}

CAF_TEST(an end is told in TLS although the socket took nothing when it came) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    stage s{
      {.network = "allowed_domains = [\"example.com\"]\nmitm = {enabled = true, inspect = true}",
       .seed = seed}};
    s.names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
    auto& at = s.serve_at("93.184.216.34", 443);
    auto& client = s.tunnel("example.com:443");
    client.speak_tls(s.trusts_proxy(), "example.com");
    CAF_REQUIRE(s.until([&] { return client.has_shaken_hands(); }));
    client.say(
      "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    auto& origin = s.accept(at);
    origin.answer_tls(*s.origin_tls, s.origin_leaf("example.com"));
    CAF_REQUIRE(s.hears(origin, "\r\n\r\n"));
    simulation::conditions way;
    way.spurious = 700'000;
    s.set_way(s.user, way);
    origin.say(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nall");
    CAF_CHECK(s.hears(client, "all"));
    origin.finish();
    CAF_CHECK(s.is_over(client, 1min));
    CAF_CHECK(client.ended);
    CAF_CHECK_EQUAL(client.tls_error, "");
  }
}
