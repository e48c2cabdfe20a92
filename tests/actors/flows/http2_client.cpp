#define CAF_SUITE actors.flows.http2_client
#include "tests/actors/flows/h2_stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// Clients that speak HTTP/2 inside a tunnel, at an origin of HTTP/1.1.

namespace {

simulation::conditions by_pieces(size_t reads, size_t writes, uint32_t spurious) {
  simulation::conditions out;
  out.longest_read = reads;
  out.longest_write = writes;
  out.spurious = spurious;
  return out;
}

} // namespace

CAF_TEST(many streams at once each get the answer to their own request) {
  h2_stage s;
  auto& client = s.inside();
  std::map<std::string, int32_t> asked;
  for (auto path : {"/a", "/b", "/c", "/d", "/e"})
    asked[path] = client.ask("GET", path);
  std::map<std::string, party*> origins;
  for (size_t i = 0; i < asked.size(); ++i) {
    auto& at = s.serve_h1(s.example);
    CAF_REQUIRE(s.hears(at, "\r\n\r\n"));
    origins[at.text.substr(4, 2)] = &at;
  }
  CAF_REQUIRE_EQUAL(origins.size(), asked.size());
  for (auto path : {"/d", "/a", "/e", "/c", "/b"}) { // in another order than they came
    origins[path]->say(ok(path));
    CAF_CHECK(s.ends(client, asked[path]));
    CAF_CHECK_EQUAL(client.outcome(asked[path]), "200");
    CAF_CHECK_EQUAL(client.streams[asked[path]].body, path);
  }
  auto all = s.decisions();
  CAF_CHECK_EQUAL(std::ranges::count(all, "allow https example.com:443 allow"), 5);
}

CAF_TEST(bodies pass both ways whatever the windows and the calls of the kernel are) {
  struct row {
    const char* what;
    size_t size;
    h2_settings own;
    simulation::conditions way;
  };
  for (const auto& [what, size, own, way] : std::initializer_list<row>{
         {"as they come", 700'000, {}, {}},
         {"a small window of the client",
          30'000,
          {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000}},
          {}},
         {"a client without a table", 30'000, {{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0}}, {}},
         {"short reads", 30'000, {}, by_pieces(100, 1 << 20, 0)},
         {"short writes", 30'000, {}, by_pieces(1 << 20, 100, 0)},
         {"calls that fail for no reason", 100'000, {}, by_pieces(1 << 20, 1 << 20, 300'000)},
       }) {
    CAF_MESSAGE(what);
    h2_stage s;
    auto& client = s.inside("example.com", own);
    s.set_way(s.user, way);
    auto id = client.ask("POST", "/", {{"content-length", std::to_string(size)}}, false);
    std::string up(size, 'u');
    up[size / 2] = '!';
    client.data(id, up, true);
    auto& origin = s.reach(s.example, "POST /");
    CAF_CHECK(s.until([&] { return origin.text.size() > size && origin.hears("\r\n\r\n"); }, 1min));
    CAF_CHECK_EQUAL(field_of(origin.text, "content-length"), std::to_string(size));
    CAF_CHECK(s.hears(origin, up));
    std::string down(size, 'd');
    down[size / 3] = '?';
    origin.say(ok(down));
    CAF_CHECK(s.ends(client, id, 1min));
    CAF_CHECK_EQUAL(client.outcome(id), "200");
    CAF_CHECK(client.streams[id].body == down);
    CAF_CHECK(client.goodbyes.empty());
  }
}

CAF_TEST(a body without a length and its trailers are chunks at the origin and back) {
  h2_stage s;
  auto& client = s.inside();
  auto id =
    client.ask("POST", "/", {{"te", "trailers"}, {"cookie", "a=1"}, {"cookie", "b=2"}}, false);
  client.data(id, "hello");
  client.head(id, {{"x-sum", "7"}, {"content-range", "99"}}, true);
  auto& origin = s.reach(s.example, "POST /");
  CAF_CHECK(s.hears(origin, "0\r\nx-sum: 7\r\n\r\n"));
  CAF_CHECK(origin.hears("\r\n5\r\nhello\r\n"));
  CAF_CHECK_EQUAL(field_of(origin.text, "cookie"), "a=1; b=2");
  CAF_CHECK(!origin.hears("99"));
  origin.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Check\r\n\r\n"
             "3\r\nabc\r\n0\r\nX-Check: good\r\n\r\n");
  CAF_CHECK(s.ends(client, id));
  CAF_CHECK_EQUAL(client.streams[id].body, "abc");
  CAF_CHECK(client.streams[id].trailers == (h2_fields{{"x-check", "good"}}));
  CAF_CHECK_EQUAL(client.streams[id]["transfer-encoding"], "");
}

CAF_TEST(a response without a body ends its stream at once) {
  struct row {
    const char *method, *answer, *outcome;
  };
  for (const auto& [method, answer, outcome] : std::initializer_list<row>{
         {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "200"},
         {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200"},
         {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "204"},
         {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304"},
         {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200"},
       }) {
    h2_stage s;
    auto& client = s.inside();
    auto id = client.ask(method, "/");
    auto& origin = s.reach(s.example, std::string{method} + " /");
    origin.say(answer);
    CAF_CHECK(s.ends(client, id, 1s));
    CAF_CHECK_EQUAL(client.outcome(id), outcome);
    CAF_CHECK_EQUAL(client.streams[id].body, "");
  }
}

CAF_TEST(a body that goes on until its origin closes is whole and one that breaks is not ) {
  struct row {
    const char *answer, *rest, *outcome;
  };
  for (const auto& [answer, rest, outcome] : std::initializer_list<row>{
         {"HTTP/1.1 200 OK\r\n\r\nhalf", "", "200"},
         {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "", "200 reset 2"},
         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "", "200 reset 2"},
         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "zz\r\n",
          "200 reset 2"},
       }) {
    h2_stage s;
    auto& client = s.inside();
    auto id = client.ask("GET", "/");
    auto& origin = s.reach(s.example, "GET /");
    origin.say(answer);
    CAF_CHECK(s.until([&] { return client.streams[id].body == "half"; }));
    origin.say(rest);
    origin.finish();
    CAF_CHECK(s.ends(client, id));
    CAF_CHECK_EQUAL(client.outcome(id), outcome);
    auto next = client.ask("GET", "/next");
    s.reach(s.example, "GET /next").say(ok("fine"));
    CAF_CHECK(s.ends(client, next));
    CAF_CHECK_EQUAL(client.outcome(next), "200");
  }
}

CAF_TEST(interim responses pass and 100 lets the body come) {
  h2_stage s;
  auto& client = s.inside();
  auto id = client.ask("POST", "/", {{"expect", "100-continue"}, {"content-length", "4"}}, false);
  auto& origin = s.reach(s.example, "POST /");
  origin.say("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
  CAF_CHECK(s.until([&] { return client.streams[id].interim.size() == 2; }));
  CAF_CHECK(!client.streams[id].has_head());
  CAF_CHECK_EQUAL(client.streams[id].interim[0][0].second, "103");
  CAF_CHECK_EQUAL(client.streams[id].interim[1][0].second, "100");
  client.data(id, "body", true);
  CAF_CHECK(s.hears(origin, "body"));
  origin.say(ok("done"));
  CAF_CHECK(s.ends(client, id));
  CAF_CHECK_EQUAL(client.streams[id].body, "done");
}

CAF_TEST(interim heads that a client does not take are left out and the response is not ) {
  h2_stage s;
  auto& client = s.inside();
  auto id = client.ask("GET", "/");
  auto& origin = s.reach(s.example, "GET /");
  client.on.read_nothing();
  std::string hints;
  for (int i = 0; i < 30; ++i)
    hints += "HTTP/1.1 103 Early Hints\r\nx: " + std::string(2'000, 'h') + "\r\n\r\n";
  origin.say(hints + ok("final"));
  s.pass(1s);
  client.on.read_nothing(false);
  CAF_CHECK(s.ends(client, id));
  CAF_CHECK_EQUAL(client.outcome(id), "200");
  CAF_CHECK_EQUAL(client.streams[id].body, "final");
  CAF_CHECK(client.streams[id].interim.size() < 30);
}

CAF_TEST(a stream that its client resets ends its request alone) {
  for (auto early : {true, false}) {
    h2_stage s;
    auto& client = s.inside();
    auto cut = client.ask("GET", "/cut");
    auto& lost = s.reach(s.example, "GET /cut");
    auto kept = client.ask("GET", "/kept");
    auto& origin = s.reach(s.example, "GET /kept");
    if (!early) {
      lost.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
      CAF_CHECK(s.until([&] { return client.streams[cut].body == "half"; }));
    }
    client.on.say(h2::reset(cut));
    CAF_CHECK(s.is_over(lost));
    CAF_CHECK(!origin.is_over());
    origin.say(ok("kept"));
    CAF_CHECK(s.ends(client, kept));
    CAF_CHECK_EQUAL(client.streams[kept].body, "kept");
  }
}

CAF_TEST(an upload whose client resets it or leaves is no whole one at the origin) {
  for (auto leaves : {true, false}) {
    h2_stage s;
    auto& client = s.inside();
    auto id = client.ask("POST", "/", {}, false);
    client.data(id, "half");
    auto& origin = s.reach(s.example, "POST /");
    CAF_CHECK(s.hears(origin, "half"));
    if (leaves)
      client.on.reset();
    else
      client.on.say(h2::reset(id, NGHTTP2_NO_ERROR));
    CAF_CHECK(s.is_over(origin));
    CAF_CHECK(!origin.hears("0\r\n\r\n"));
  }
}

CAF_TEST(a client that says goodbye gets what is under way and then the connection ends) {
  h2_stage s;
  auto& client = s.inside();
  auto id = client.ask("GET", "/");
  auto& origin = s.reach(s.example, "GET /");
  client.on.say(h2::goaway(0));
  CAF_CHECK(!s.is_over(client.on, 20s));
  origin.say(ok("last"));
  CAF_CHECK(s.ends(client, id));
  CAF_CHECK_EQUAL(client.streams[id].body, "last");
  CAF_CHECK(s.is_over(client.on, 1s));
}

CAF_TEST(an answer before the upload has come ends the stream and the upload is not needed) {
  h2_stage s;
  auto& client = s.inside();
  auto id = client.ask("POST", "/", {}, false);
  client.data(id, "some");
  auto& origin = s.reach(s.example, "POST /");
  origin.say("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
  CAF_CHECK(s.until([&] { return client.streams[id].reset.has_value(); }));
  CAF_CHECK_EQUAL(client.outcome(id), "413 reset 0"); // NO_ERROR, RFC 9113 §8.1
  CAF_CHECK(client.streams[id].ended);
  CAF_CHECK_EQUAL(client.streams[id].body, "big");
  client.on.say(h2::frame(NGHTTP2_DATA, 0, id, "late"));
  auto next = client.ask("GET", "/next");
  s.reach(s.example, "GET /next").say(ok("fine"));
  CAF_CHECK(s.ends(client, next));
  CAF_CHECK_EQUAL(client.outcome(next), "200");
}
