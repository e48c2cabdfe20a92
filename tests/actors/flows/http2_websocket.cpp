#define CAF_SUITE actors.flows.http2_websocket
#include "protocols/websocket.hpp"
#include "tests/actors/flows/h2_stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// WebSockets over HTTP/2 (RFC 8441): an extended CONNECT on either side, an Upgrade of HTTP/1.1 on
/// the other or on none.

namespace {

std::string switched(const std::string& key) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: " +
         proxy::websocket::accept_for(key) + "\r\n\r\n";
}

} // namespace

CAF_TEST(a WebSocket is an Upgrade at the origin and ends as either side ends it) {
  for (auto client_ends : {true, false}) {
    h2_stage s;
    auto& client = s.inside();
    CAF_REQUIRE(s.until([&] { return !client.settings.empty(); }));
    CAF_CHECK_EQUAL(client.settings[NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL], 1u);
    auto id = client.open(websocket_to(client, "/chat"), false);
    auto& origin = s.reach(s.example, "GET /chat");
    CAF_CHECK_EQUAL(field_of(origin.text, "Upgrade"), "websocket");
    origin.say(switched(field_of(origin.text, "Sec-WebSocket-Key")) + "first");
    CAF_CHECK(s.until([&] { return client.streams[id].body == "first"; }));
    CAF_CHECK_EQUAL(client.streams[id][":status"], "200");
    CAF_CHECK_EQUAL(client.streams[id]["sec-websocket-accept"], "");
    client.data(id, std::string(100'000, 'w') + "up");
    CAF_CHECK(s.hears(origin, "wwup"));
    if (client_ends) {
      client.data(id, "bye", true);
      CAF_CHECK(s.hears(origin, "bye"));
      CAF_CHECK(s.is_over(origin));
      origin.say("and bye");
      origin.finish();
    } else {
      origin.say("and bye");
      origin.finish();
    }
    CAF_CHECK(s.until([&] { return client.streams[id].ended; }));
    CAF_CHECK_EQUAL(client.streams[id].body, "firstand bye");
    auto next = client.ask("GET", "/next");
    s.reach(s.example, "GET /next").say(ok("fine"));
    CAF_CHECK(s.ends(client, next));
  }
}

CAF_TEST(an answer that opens no WebSocket is told as what it is) {
  struct row {
    const char *what, *answer, *status;
  };
  for (const auto& [what, answer, status] : std::initializer_list<row>{
         {"a wrong proof",
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: bm90IHRoZSBwcm9vZiBhc2tlZA==\r\n\r\nraw",
          "502"},
         {"no proof",
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
          "502"},
         {"a page", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage", "502"},
         {"no", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "403"},
       }) {
    CAF_MESSAGE(what);
    h2_stage s;
    auto& client = s.inside();
    auto id = client.open(websocket_to(client, "/"), false);
    s.reach(s.example, "GET /").say(answer);
    CAF_CHECK(s.until([&] { return client.streams[id].ended; }));
    CAF_CHECK_EQUAL(client.streams[id][":status"], status);
    CAF_CHECK_EQUAL(client.streams[id].body.find("raw"), std::string::npos);
  }
}

CAF_TEST(an origin of h2 gets an extended CONNECT on the connection that others share) {
  for (auto client_ends : {true, false}) {
    h2_stage s;
    auto& client = s.inside();
    auto id = client.open(websocket_to(client, "/chat"), false);
    s.insist_on_h2(s.example);
    auto& origin = s.serve_h2(s.example, {{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}});
    auto seen = s.take(origin, "/chat");
    CAF_CHECK_EQUAL(origin.streams[seen][":method"], "CONNECT");
    CAF_CHECK_EQUAL(origin.streams[seen][":protocol"], "websocket");
    CAF_CHECK_EQUAL(origin.streams[seen]["sec-websocket-version"], "13");
    CAF_CHECK_EQUAL(origin.streams[seen]["sec-websocket-key"], "");
    CAF_CHECK(!origin.streams[seen].ended);
    origin.head(seen, {{":status", "200"}}, false);
    CAF_CHECK(s.until([&] { return client.streams[id].has_head(); }));
    CAF_CHECK_EQUAL(client.streams[id][":status"], "200");
    client.data(id, std::string(100'000, 'u'));
    origin.data(seen, std::string(100'000, 'd'));
    CAF_CHECK(s.until([&] { return origin.streams[seen].body.size() == 100'000; }));
    CAF_CHECK(s.until([&] { return client.streams[id].body.size() == 100'000; }));
    (client_ends ? client : origin).data(client_ends ? id : seen, "bye", true);
    auto& hears = client_ends ? origin.streams[seen] : client.streams[id];
    CAF_CHECK(s.until([&] { return hears.body.ends_with("bye") && hears.is_over(); }));
    (client_ends ? origin : client).data(client_ends ? seen : id, "", true);
    CAF_CHECK(s.ends(client, id));
    auto other = client.ask("GET", "/other");
    auto beside = s.take(origin, "/other");
    origin.answer(beside, "200", "beside");
    CAF_CHECK(s.ends(client, other));
    CAF_CHECK_EQUAL(client.streams[other].body, "beside");
  }
}

CAF_TEST(a client of HTTP 1 gets its Upgrade at an origin of h2 and the proof of its key) {
  struct row {
    const char* status;
    const char* told;
  };
  for (const auto& [status, told] : std::initializer_list<row>{
         {"200", "HTTP/1.1 101 "}, {"403", "HTTP/1.1 403 "}, {"101", "HTTP/1.1 502 "}}) {
    h2_stage s;
    auto& client = s.inside_h1();
    client.say("GET /chat HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n"
               "Upgrade: websocket\r\nSec-WebSocket-Key: c2l4dGVlbiBieXRlcyBvaw==\r\n"
               "Sec-WebSocket-Version: 13\r\n\r\n");
    s.insist_on_h2(s.example);
    auto& origin = s.serve_h2(s.example, {{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}});
    auto seen = s.take(origin, "/chat");
    origin.head(seen, {{":status", status}}, false);
    CAF_CHECK(s.hears(client, told));
    if (std::string_view{status} != "200")
      continue;
    CAF_CHECK(s.hears(client, "\r\n\r\n"));
    CAF_CHECK_EQUAL(field_of(client.text, "Sec-WebSocket-Accept"),
                    proxy::websocket::accept_for("c2l4dGVlbiBieXRlcyBvaw=="));
    client.say("up");
    CAF_CHECK(s.until([&] { return origin.streams[seen].body == "up"; }));
    origin.data(seen, "down", true);
    CAF_CHECK(s.hears(client, "down"));
    client.finish();
    CAF_CHECK(s.until([&] { return origin.streams[seen].is_over(); }));
  }
}

CAF_TEST(an origin of h2 that takes no WebSockets is asked for none) {
  h2_stage s;
  auto& client = s.inside();
  auto id = client.open(websocket_to(client, "/"), false);
  s.insist_on_h2(s.example);
  auto& origin = s.serve_h2(s.example);
  CAF_CHECK(s.ends(client, id));
  CAF_CHECK_EQUAL(client.status(id), 502);
  CAF_CHECK(origin.streams.empty());
  CAF_CHECK(s.is_over(origin.on)); // nobody shares it
}
