#define CAF_SUITE actors.flows.http2_upstream
#include "tests/actors/flows/h2_stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// Origins that speak HTTP/2: their connections are shared, given up, replaced.

namespace {

/// A client, and the connection that its first request has made.
struct shared : h2_stage {
  explicit shared(const h2_settings& own = {}, const std::string& daemon = "") : h2_stage(daemon) {
    auto id = client.ask("GET", "/first");
    far = &serve_h2(example, own);
    far->answer(take(*far, "/first"), "200", "first");
    CAF_REQUIRE(ends(client, id));
    CAF_REQUIRE_EQUAL(client.outcome(id), "200");
  }
  /// Has the client ask, and the origin get it on the connection that is there.
  std::pair<int32_t, int32_t> ask(const std::string& method, const std::string& path,
                                  bool ended = true) {
    auto id = client.ask(method, path, {}, ended);
    return {id, take(*far, path)};
  }
  /// A request that goes through after all that was.
  void check_alive(h2_end& on) {
    auto id = client.ask("GET", "/alive");
    on.answer(take(on, "/alive"), "200", "alive");
    CAF_CHECK(ends(client, id));
    CAF_CHECK_EQUAL(client.outcome(id), "200");
  }

  h2_end& client = inside();
  h2_end* far;
};

} // namespace

CAF_TEST(streams of several clients share one connection to their origin) {
  shared s;
  std::vector<h2_end*> clients{&s.client, &s.inside(), &s.inside()};
  for (auto* each : clients)
    for (std::string path : {"/a", "/b", "/c"})
      (void)each->ask("GET", path + std::to_string(&each - clients.data()));
  (void)s.until([&] { return s.far->streams.size() == 10; });
  CAF_CHECK_EQUAL(s.far->streams.size(), 10u);
  for (auto& [id, stream] : s.far->streams)
    if (stream[":path"] != "/first")
      s.far->answer(id, "200", stream[":path"]);
  for (size_t i = 0; i < clients.size(); ++i) {
    CAF_CHECK(s.until([&] {
      return std::ranges::all_of(clients[i]->streams, [](auto& x) { return x.second.is_over(); });
    }));
    for (auto& [id, stream] : clients[i]->streams)
      if (stream.body != "first")
        CAF_CHECK(stream.body.starts_with("/"));
  }
  CAF_CHECK(!s.is_called(s.example, 1s));
}

CAF_TEST(what an origin gets is the request of its client with nothing of the connection) {
  shared s;
  auto id =
    s.client.ask("POST", "/a?b=c",
                 {{"x-one", "1"}, {"cookie", "a=1"}, {"cookie", "b=2"}, {"te", "trailers"}}, false);
  s.client.data(id, "body");
  s.client.head(id, {{"x-sum", "7"}}, true);
  auto seen = s.take(*s.far, "/a?b=c");
  auto& got = s.far->streams[seen];
  CAF_CHECK(s.until([&] { return got.is_over(); }));
  CAF_CHECK_EQUAL(got[":method"], "POST");
  CAF_CHECK_EQUAL(got[":scheme"], "https");
  CAF_CHECK_EQUAL(got[":authority"], "example.com");
  CAF_CHECK_EQUAL(got["x-one"], "1");
  CAF_CHECK_EQUAL(got["cookie"], "a=1; b=2");
  CAF_CHECK_EQUAL(got["te"], "trailers");
  CAF_CHECK(got["via"].starts_with("2.0 "));
  CAF_CHECK_EQUAL(got["transfer-encoding"], "");
  CAF_CHECK_EQUAL(got["host"], "");
  CAF_CHECK_EQUAL(got.body, "body");
  CAF_CHECK(got.trailers == (h2_fields{{"x-sum", "7"}}));
  s.far->head(seen, {{":status", "200"}, {"content-type", "application/grpc"}}, false);
  s.far->data(seen, "answer");
  s.far->head(seen, {{"grpc-status", "0"}}, true);
  CAF_CHECK(s.ends(s.client, id));
  CAF_CHECK_EQUAL(s.client.streams[id].body, "answer");
  CAF_CHECK(s.client.streams[id].trailers == (h2_fields{{"grpc-status", "0"}}));
}

CAF_TEST(settings that are late are waited for by all and not for ever) {
  for (auto in_time : {true, false}) {
    h2_stage s;
    auto& client = s.inside();
    auto first = client.ask("GET", "/a");
    auto second = client.ask("GET", "/b");
    auto began = s.w.time().now();
    auto& origin = s.serve_h2(s.example, {}, false);
    CAF_REQUIRE(s.w.time().now() - began < 100ms);
    (void)s.until([&] { return client.streams[first].is_over(); }, 9s);
    CAF_CHECK(!client.streams[first].is_over());
    CAF_CHECK(origin.streams.empty());
    if (in_time) {
      origin.greet();
      origin.answer(s.take(origin, "/a"), "200", "a");
      origin.answer(s.take(origin, "/b"), "200", "b");
      CAF_CHECK(s.ends(client, second));
      CAF_CHECK(s.ends(client, first));
      CAF_CHECK_EQUAL(client.streams[first].body, "a");
      CAF_CHECK_EQUAL(client.streams[second].body, "b");
      CAF_CHECK(!s.is_called(s.example, 1s));
    } else {
      CAF_CHECK(s.ends(client, first, 2s));
      CAF_CHECK_EQUAL(client.status(first), 504);
      CAF_CHECK(client.streams[first].body.find("timeouts.tls_handshake") != std::string::npos);
      CAF_CHECK(s.is_over(origin.on));
      CAF_CHECK(!client.streams[second].is_over()); // it dials by itself
      auto& again = s.serve_h2(s.example);
      again.answer(s.take(again, "/b"), "200", "b");
      CAF_CHECK(s.ends(client, second));
      CAF_CHECK_EQUAL(client.outcome(second), "200");
    }
  }
}

CAF_TEST(an origin that does not begin to speak h2 is told in its words) {
  struct row {
    const char* what;
    std::string says;
    bool closes;
    std::string told;
  };
  for (const auto& [what, says, closes, told] : std::initializer_list<row>{
         {"it hangs up", "", true, "502"},
         {"something else", "HTTP/1.1 400 Bad Request\r\n\r\n", false, "the upstream broke HTTP/2"},
         {"a goodbye", h2::settings({}) + h2::goaway(0, NGHTTP2_ENHANCE_YOUR_CALM, "too\x1bmany"),
          true, "too?many"},
         {"no streams", h2::settings({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0}}), false,
          "takes no stream"},
         {"settings and a goodbye", h2::settings({}) + h2::goaway(0, NGHTTP2_INTERNAL_ERROR), false,
          "INTERNAL_ERROR"},
       }) {
    CAF_MESSAGE(what);
    h2_stage s;
    auto& client = s.inside();
    auto id = client.ask("POST", "/");
    auto& origin = s.serve_h2(s.example, {}, false);
    origin.on.say(says);
    if (closes)
      origin.on.finish();
    CAF_CHECK(s.ends(client, id, 1s));
    CAF_CHECK_EQUAL(client.status(id), 502);
    CAF_CHECK(client.streams[id].body.find(told) != std::string::npos || told == "502");
    CAF_CHECK(origin.streams.empty());
    CAF_CHECK(s.is_over(origin.on, 1s));
    auto next = client.ask("GET", "/next");
    auto& again = s.serve_h2(s.example);
    again.answer(s.take(again, "/next"), "200", "fine");
    CAF_CHECK(s.ends(client, next));
    CAF_CHECK_EQUAL(client.outcome(next), "200");
  }
}

CAF_TEST(no more streams are opened on a connection than its origin allows) {
  shared s{{{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}}};
  auto [first, seen] = s.ask("GET", "/one");
  auto second = s.client.ask("GET", "/two");
  auto& beside = s.serve_h2(s.example);
  beside.answer(s.take(beside, "/two"), "200", "two");
  CAF_CHECK(s.ends(s.client, second));
  CAF_CHECK_EQUAL(s.far->streams.size(), 2u);
  s.far->answer(seen, "200", "one");
  CAF_CHECK(s.ends(s.client, first));
  CAF_CHECK_EQUAL(s.client.streams[first].body, "one");
  s.check_alive(*s.far); // its place is free again
}

CAF_TEST(a refused stream is sent again on whatever method and body but once) {
  struct row {
    const char *method, *body;
  };
  for (const auto& [method, body] :
       std::initializer_list<row>{{"GET", ""}, {"DELETE", ""}, {"POST", "hello"}, {"POST", ""}}) {
    for (auto always : {false, true}) {
      shared s;
      auto id = s.client.ask(method, "/", {}, *body == 0);
      if (*body != 0)
        s.client.data(id, body, true);
      auto seen = s.take(*s.far, "/");
      CAF_CHECK(s.until([&] { return s.far->streams[seen].ended; }));
      s.far->on.say(h2::reset(seen, NGHTTP2_REFUSED_STREAM));
      auto& again = s.serve_h2(s.example);
      auto twice = s.take(again, "/");
      CAF_CHECK_EQUAL(again.streams[twice][":method"], method);
      CAF_CHECK(s.until([&] { return again.streams[twice].ended; }));
      CAF_CHECK_EQUAL(again.streams[twice].body, body);
      if (always)
        again.on.say(h2::reset(twice, NGHTTP2_REFUSED_STREAM));
      else
        again.answer(twice, "200", "done");
      CAF_CHECK(s.ends(s.client, id));
      CAF_CHECK_EQUAL(s.client.status(id), always ? 502 : 200);
      CAF_CHECK(!s.is_called(s.example, 1s));
      auto all = s.decisions();
      CAF_CHECK_EQUAL(std::ranges::count(all, "allow https example.com:443 allow"), 2);
    }
  }
}

CAF_TEST(a stream that is refused in the middle of its body goes on elsewhere) {
  shared s;
  auto id = s.client.ask("POST", "/", {}, false);
  s.client.data(id, "hello");
  auto seen = s.take(*s.far, "/");
  CAF_CHECK(s.until([&] { return s.far->streams[seen].body == "hello"; }));
  s.far->on.say(h2::reset(seen, NGHTTP2_REFUSED_STREAM));
  auto& again = s.serve_h2(s.example);
  auto twice = s.take(again, "/");
  s.client.data(id, " world", true);
  CAF_CHECK(s.until([&] { return again.streams[twice].ended; }));
  CAF_CHECK_EQUAL(again.streams[twice].body, "hello world");
  again.answer(twice, "200", "done");
  CAF_CHECK(s.ends(s.client, id));
  CAF_CHECK_EQUAL(s.client.outcome(id), "200");
}

CAF_TEST(what a goodbye leaves out goes to a new connection and what it takes in finishes) {
  shared s;
  auto [first, seen] = s.ask("POST", "/in");
  auto [second, out] = s.ask("POST", "/out");
  s.far->on.say(h2::goaway(seen));
  auto& again = s.serve_h2(s.example);
  again.answer(s.take(again, "/out"), "200", "elsewhere");
  CAF_CHECK(s.ends(s.client, second));
  CAF_CHECK_EQUAL(s.client.streams[second].body, "elsewhere");
  s.check_alive(again);
  CAF_CHECK(!s.client.streams[first].is_over());
  s.far->answer(seen, "200", "here");
  CAF_CHECK(s.ends(s.client, first));
  CAF_CHECK_EQUAL(s.client.streams[first].body, "here");
  CAF_CHECK(s.is_over(s.far->on, 1s)); // nobody uses it any more
}

CAF_TEST(an origin that wants HTTP 1 gets it and is remembered) {
  struct row {
    const char* what;
    bool by_goodbye;
    const char* body;
  };
  for (const auto& [what, by_goodbye, body] :
       std::initializer_list<row>{{"a reset", false, ""},
                                  {"a reset of an upload", false, "hello"},
                                  {"a goodbye", true, ""}}) {
    CAF_MESSAGE(what);
    shared s;
    auto id = s.client.ask("PUT", "/", {}, *body == 0);
    if (*body != 0)
      s.client.data(id, body, true);
    auto seen = s.take(*s.far, "/");
    CAF_CHECK(s.until([&] { return s.far->streams[seen].ended; }));
    s.far->on.say(by_goodbye ? h2::goaway(0, NGHTTP2_HTTP_1_1_REQUIRED)
                             : h2::reset(seen, NGHTTP2_HTTP_1_1_REQUIRED));
    if (by_goodbye)
      s.far->on.finish();
    auto& origin = s.reach(s.example, "PUT /");
    CAF_CHECK(s.hears(origin, body));
    origin.say(ok("old", "Connection: close\r\n"));
    CAF_CHECK(s.ends(s.client, id));
    CAF_CHECK_EQUAL(s.client.streams[id].body, "old");
    auto next = s.client.ask("GET", "/next");
    s.reach(s.example, "GET /next").say(ok("older"));
    CAF_CHECK(s.ends(s.client, next));
    CAF_CHECK_EQUAL(s.client.streams[next].body, "older");
  }
}

CAF_TEST(an origin that wants HTTP 1 and does not speak it is 502 with the code) {
  shared s;
  auto [id, seen] = s.ask("GET", "/old");
  s.far->on.say(h2::reset(seen, NGHTTP2_HTTP_1_1_REQUIRED));
  s.insist_on_h2(s.example);
  // It is asked once more in the only protocol it has.
  auto& again = s.serve_h2(s.example);
  again.on.say(h2::reset(s.take(again, "/old"), NGHTTP2_HTTP_1_1_REQUIRED));
  CAF_CHECK(s.ends(s.client, id));
  CAF_CHECK_EQUAL(s.client.status(id), 502);
  CAF_CHECK(s.client.streams[id].body.find("HTTP_1_1_REQUIRED") != std::string::npos);
}

CAF_TEST(who wants HTTP 1 before the first stream gets it) {
  h2_stage s;
  auto& client = s.inside();
  auto id = client.ask("POST", "/");
  auto& far = s.serve_h2(s.example, {}, false);
  far.on.say(h2::settings({}) + h2::goaway(0, NGHTTP2_HTTP_1_1_REQUIRED));
  far.on.finish();
  s.reach(s.example, "POST /").say(ok("old"));
  CAF_CHECK(s.ends(client, id));
  CAF_CHECK_EQUAL(client.streams[id].body, "old");
  CAF_CHECK(far.streams.empty());
}
