#define CAF_SUITE actors.flows.upgrade
#include "tests/actors/flows/offering.hpp"

using namespace proxy;
using namespace proxy::test;

/// Requests that switch to WebSocket: in absolute form, and inside tunnels that are read.

namespace {

struct switched : offering {
  using offering::offering;

  /// All of it: a WebSocket that stands.
  void switch_over() {
    open();
    ask(websocket);
    take();
    origin->say(switching());
    CAF_REQUIRE(hears(*who, "HTTP/1.1 101 "));
    CAF_REQUIRE(hears(*who, "\r\n\r\n"));
    who->forget();
    origin->forget();
  }
  bool carries(party& from, party& to, const std::string& bytes) {
    to.forget();
    from.say(bytes);
    // Again and again: a call that came to nothing is not told of to parties.
    for (int i = 0; i < 3'000 && to.text.size() < bytes.size(); ++i)
      pass(10ms);
    return to.text == bytes;
  }
};

/// What of a head offers or takes a protocol.
std::string upgrades_in(const std::string& head) {
  std::string out;
  for (auto at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2))
    if (auto line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
        line.starts_with("Upgrade: ") || line.starts_with("upgrade: "))
      out += line.substr(9) + ';';
  return out;
}

} // namespace

CAF_TEST(a websocket is offered and taken and then bytes go both ways) {
  for (auto by : ways) {
    CAF_MESSAGE(name_of[static_cast<int>(by)]);
    switched s{by};
    simulation::conditions how{.longest_read = 5'000, .longest_write = 3'000, .reset_at = {}};
    if (by != way::tls_tunnel) // where parties would lose their last record
      how.spurious = 100'000;
    s.set_way(s.user, how);
    s.open();
    s.ask("Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: abc\r\n",
          "early"); // some clients do not wait
    s.take();
    CAF_CHECK_EQUAL(upgrades_in(s.origin->text), "WebSocket;");
    CAF_CHECK(s.origin->hears("Sec-WebSocket-Key: abc\r\n"));
    CAF_CHECK(!s.origin->hears("early")); // before it is taken
    s.origin->forget();
    s.origin->say(switching() + "first");
    CAF_CHECK(s.hears(*s.who, "\r\n\r\nfirst"));
    CAF_CHECK(s.who->text.starts_with("HTTP/1.1 101 "));
    CAF_CHECK_EQUAL(upgrades_in(s.who->text), "websocket;");
    CAF_CHECK(s.hears(*s.origin, "early"));
    for (size_t size : {1, 70'000, 1'000'000, 10}) {
      CAF_CHECK(s.carries(*s.who, *s.origin, std::string(size, 'u')));
      CAF_CHECK(s.carries(*s.origin, *s.who, std::string(size, 'd')));
    }
    s.who->finish();
    CAF_CHECK(s.is_over(*s.origin));
    CAF_CHECK(s.origin->error == 0 && s.origin->tls_error.empty());
    if (by != way::tls_tunnel)
      CAF_CHECK(s.carries(*s.origin, *s.who, "last words"));
    s.origin->finish();
    CAF_CHECK(s.is_over(*s.who));
    CAF_CHECK(s.who->error == 0 && s.who->tls_error.empty());
  }
}

CAF_TEST(a reset of one side of a websocket is not an end to the other) {
  for (auto by : ways)
    for (auto client_goes : {true, false}) {
      CAF_MESSAGE(name_of[static_cast<int>(by)] << " client goes: " << client_goes);
      switched s{by};
      s.switch_over();
      auto& goes = client_goes ? *s.who : *s.origin;
      auto& stays = client_goes ? *s.origin : *s.who;
      goes.reset();
      CAF_CHECK(s.is_over(stays, 1s));
      CAF_CHECK(!stays.ended);
    }
}

CAF_TEST(a websocket in which nothing moves ends at its deadline) {
  for (auto by : ways) {
    switched s{by, "", "timeouts.idle = \"1m\""};
    s.switch_over();
    s.pass(50s);
    CAF_CHECK(s.carries(*s.origin, *s.who, "ping"));
    CAF_CHECK(!s.is_over(*s.who, 59s));
    CAF_CHECK(s.is_over(*s.who, 2s));
    CAF_CHECK(s.is_over(*s.origin, 1s));
  }
}

CAF_TEST(an origin that does not switch answers as to any request) {
  for (auto by : ways)
    for (auto status : {"200 OK", "403 Forbidden", "426 Upgrade Required"}) {
      CAF_MESSAGE(name_of[static_cast<int>(by)] << ' ' << status);
      switched s{by};
      s.open();
      s.ask(websocket);
      s.take();
      s.origin->say(std::string{"HTTP/1.1 "} + status +
                    "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nno");
      CAF_CHECK(s.hears(*s.who, "\r\n\r\nno"));
      CAF_CHECK(s.who->text.starts_with(std::string{"HTTP/1.1 "} + status));
      // And the connection goes on, both ways.
      s.who->forget();
      s.origin->forget();
      s.ask("");
      CAF_CHECK(s.hears(*s.origin, "GET /chat "));
      s.origin->say(ok("again"));
      CAF_CHECK(s.hears(*s.who, "again"));
      CAF_CHECK_EQUAL(s.dialled, 1);
    }
}

CAF_TEST(an origin that does not switch gets nothing of what the client sent ahead) {
  switched s{way::absolute};
  s.open();
  s.ask(websocket, "\x81\x05secret");
  s.take();
  s.origin->say(ok("no"));
  CAF_CHECK(s.hears(*s.who, "no"));
  CAF_CHECK(s.hears(*s.who, "HTTP/1.1 400 ")); // it is no request
  CAF_CHECK(s.is_over(*s.who, 5s));
  CAF_CHECK(!s.origin->hears("secret"));
}

CAF_TEST(of what is offered only what may be passes on) {
  struct row {
    const char* fields;
    const char* unread; ///< What the origin hears of it where nobody reads along.
    const char* read;   ///< And where somebody does.
  } rows[] = {
    {"Upgrade: websocket\r\nConnection: Upgrade\r\n", "websocket;", "websocket;"},
    {"Upgrade: foo/1\r\nConnection: Upgrade\r\n", "foo/1;", ""},
    {"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings\r\n",
     "", ""},
    {"Upgrade: h2c, foo\r\nConnection: Upgrade\r\n", "foo;", ""},
    {"Upgrade: foo\r\nUpgrade: h2c\r\nUpgrade: bar\r\nConnection: Upgrade\r\n", "foo, bar;", ""},
    {"Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n", "websocket;", ""},
    {"Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n", "websocket;", ""},
    {"Upgrade: websocket, foo\r\nConnection: Upgrade\r\n", "websocket, foo;", ""},
    {"Upgrade: websocket/13\r\nConnection: Upgrade\r\n", "websocket/13;", ""},
    {"Upgrade: h2c-14\r\nConnection: upgrade\r\n", "", ""},
    {"Upgrade: websocket\r\n", "", ""}, // Connection does not say so
  };
  for (auto by : ways)
    for (auto& [fields, unread, read] : rows) {
      CAF_MESSAGE(name_of[static_cast<int>(by)] << ' ' << fields);
      switched s{by};
      s.open();
      s.ask(fields);
      s.take();
      auto heard = upgrades_in(s.origin->text);
      CAF_CHECK_EQUAL(heard, by == way::absolute ? unread : read);
      CAF_CHECK(!s.origin->hears("HTTP2-Settings") && !s.origin->hears("http2-settings"));
      s.origin->say(ok("ok"));
      CAF_CHECK(s.hears(*s.who, "\r\n\r\nok"));
    }
}

CAF_TEST(a switch to what was not offered is a fault and nothing passes) {
  struct row {
    const char* fields;
    const char* to;
  } rows[] = {
    {websocket, "h2c"},
    {websocket, "foo"},
    {websocket, "websocket, h2c"},
    {websocket, "websocket\r\nUpgrade: foo"},
    {"", "websocket"},
    {"Upgrade: h2c\r\nConnection: Upgrade\r\n", "h2c"},
    {"Upgrade: websocket\r\n", "websocket"},
  };
  for (auto by : ways)
    for (auto& [fields, to] : rows) {
      CAF_MESSAGE(name_of[static_cast<int>(by)] << " to " << to);
      switched s{by};
      s.open();
      s.ask(fields, get("http://example.com/secret"));
      s.take();
      s.origin->forget();
      s.origin->say(switching(to) + "foreign");
      CAF_CHECK(s.hears(*s.who, "HTTP/1.1 502 "));
      CAF_CHECK(s.hears(*s.who, "101 to a protocol that was not offered"));
      CAF_CHECK(s.is_over(*s.origin, 1s));
      CAF_CHECK(!s.who->hears("foreign") && !s.origin->hears("secret"));
    }
}
