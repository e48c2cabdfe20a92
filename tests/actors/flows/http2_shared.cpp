#define CAF_SUITE actors.flows.http2_shared
#include "tests/actors/flows/h2_stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// Connections to origins that several clients share: what one does ends no request of another, and
/// what an origin does to one connection stays there.

namespace {

struct shared : h2_stage {
  explicit shared(const std::string& daemon = "", const h2_settings& own = {}) : h2_stage(daemon) {
    auto id = client.ask("GET", "/first");
    far = &serve_h2(example, own);
    far->answer(take(*far, "/first"), "200", "first");
    CAF_REQUIRE(ends(client, id));
  }
  std::pair<int32_t, int32_t> ask(h2_end& who, const std::string& path, bool ended = true) {
    auto id = who.ask("POST", path, {}, ended);
    return {id, take(*far, path)};
  }
  h2_end& client = inside();
  h2_end* far = nullptr;
};

} // namespace

CAF_TEST(an idle connection to an origin is closed after its time) {
  shared s{"timeouts.upstream_idle = \"20s\"\n"};
  CAF_CHECK(!s.is_over(s.far->on, 19s));
  CAF_CHECK(s.is_over(s.far->on, 12s)); // it is looked for each half of the time
  auto id = s.client.ask("GET", "/");
  auto& again = s.serve_h2(s.example);
  again.answer(s.take(again, "/"), "200", "again");
  CAF_CHECK(s.ends(s.client, id));
}

CAF_TEST(a connection in use is not idle and one that its origin closes is replaced) {
  shared s{"timeouts.upstream_idle = \"20s\"\n"};
  auto [id, seen] = s.ask(s.client, "/long");
  CAF_CHECK(!s.is_over(s.far->on, 2min));
  s.far->answer(seen, "200", "long");
  CAF_CHECK(s.ends(s.client, id));
  s.far->on.close();
  auto next = s.client.ask("GET", "/next");
  auto& again = s.serve_h2(s.example);
  again.answer(s.take(again, "/next"), "200", "again");
  CAF_CHECK(s.ends(s.client, next));
  CAF_CHECK_EQUAL(s.client.outcome(next), "200");
}

CAF_TEST(streams beyond what one connection takes go to another) {
  shared s;
  auto& second = s.inside();
  for (int i = 0; i < 60; ++i) {
    (void)s.client.ask("GET", "/many");
    (void)second.ask("GET", "/many");
  }
  auto& beside = s.serve_h2(s.example);
  CAF_CHECK(s.until([&] { return s.far->streams.size() + beside.streams.size() == 121; }));
  CAF_CHECK(!s.is_called(s.example, 1s));
  auto open = s.far->streams.size() - 1; // without the first
  CAF_CHECK(open <= 100 && open >= 95);
  for (auto* at : {s.far, &beside})
    for (auto& [id, stream] : at->streams)
      if (stream[":path"] == "/many")
        at->answer(id, "200", "one of many");
  for (auto* who : {&s.client, &second})
    CAF_CHECK(s.until(
      [&] { return std::ranges::all_of(who->streams, [](auto& x) { return x.second.ended; }); }));
}

CAF_TEST(a connection on which we have cut many streams short gets no new ones and closes) {
  shared s;
  auto& bystander = s.inside();
  auto [waits, seen] = s.ask(bystander, "/bystander");
  for (int i = 0; i < 50; ++i) {
    auto [id, there] = s.ask(s.client, "/cut" + std::to_string(i));
    s.client.on.say(h2::reset(id));
    auto cut = there;
    CAF_CHECK(s.until([&] { return s.far->streams[cut].reset == uint32_t{NGHTTP2_CANCEL}; }));
  }
  auto next = s.client.ask("GET", "/next");
  auto& again = s.serve_h2(s.example);
  again.answer(s.take(again, "/next"), "200", "again");
  CAF_CHECK(s.ends(s.client, next));
  CAF_CHECK(!s.is_over(s.far->on, 1s));
  s.far->answer(seen, "200", "unharmed");
  CAF_CHECK(s.ends(bystander, waits));
  CAF_CHECK_EQUAL(bystander.streams[waits].body, "unharmed");
  CAF_CHECK(s.is_over(s.far->on, 1s));
}

CAF_TEST(who logs in on a connection has it alone and over HTTP 1 where that is spoken) {
  struct row {
    const char* scheme;
    bool speaks_h1;
  };
  for (const auto& [scheme, speaks_h1] : std::initializer_list<row>{
         {"Negotiate YII=", true}, {"NTLM TlRM", true}, {"Negotiate YII=", false}}) {
    shared s;
    auto id = s.client.ask("GET", "/secret", {{"authorization", scheme}});
    auto& other = s.inside();
    if (speaks_h1) {
      auto& origin = s.reach(s.example, "GET /secret");
      CAF_CHECK_EQUAL(field_of(origin.text, "authorization"), scheme);
      origin.say(ok("yours"));
      CAF_CHECK(s.ends(s.client, id));
      CAF_CHECK_EQUAL(s.client.streams[id].body, "yours");
      origin.forget();
      auto again = s.client.ask("GET", "/more"); // the same client goes on with it
      CAF_CHECK(s.hears(origin, "GET /more "));
      origin.say(ok("more"));
      CAF_CHECK(s.ends(s.client, again));
      origin.forget();
      auto [theirs, seen] = s.ask(other, "/theirs"); // and another does not
      s.far->answer(seen, "200", "theirs");
      CAF_CHECK(s.ends(other, theirs));
      CAF_CHECK_EQUAL(origin.text, "");
    } else {
      s.insist_on_h2(s.example);
      auto& alone = s.serve_h2(s.example);
      alone.answer(s.take(alone, "/secret"), "200", "yours");
      CAF_CHECK(s.ends(s.client, id));
      auto theirs = other.ask("GET", "/theirs");
      s.far->answer(s.take(*s.far, "/theirs"), "200", "theirs");
      CAF_CHECK(s.ends(other, theirs));
      CAF_CHECK_EQUAL(alone.find("/theirs"), 0);
      CAF_CHECK(s.is_over(alone.on));
    }
  }
}

CAF_TEST(an origin that does not read holds up its stream alone until it does) {
  shared s{"", {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1000}}};
  s.far->gives_windows = false;
  auto id = s.client.ask("POST", "/slow", {}, false);
  s.client.data(id, std::string(2 << 20, 'u'), true);
  auto seen = s.take(*s.far, "/slow");
  s.pass(1s);
  CAF_CHECK_EQUAL(s.far->streams[seen].body.size(), 1000u);
  CAF_CHECK(s.client.unsent(id) > (1u << 20)); // the client is held back
  auto [quick, there] = s.ask(s.client, "/quick");
  s.far->answer(there, "200", "quick");
  CAF_CHECK(s.ends(s.client, quick));
  s.far->gives_windows = true;
  s.far->on.say(h2::window(0, 4 << 20) + h2::window(seen, 4 << 20));
  CAF_CHECK(s.until([&] { return s.far->streams[seen].ended; }));
  CAF_CHECK_EQUAL(s.far->streams[seen].body.size(), size_t{2 << 20});
  s.far->answer(seen, "200", "slow");
  CAF_CHECK(s.ends(s.client, id));
}

CAF_TEST(a client that does not read holds up its stream alone and a reader gets more ahead) {
  shared s;
  auto& slow = s.inside();
  slow.gives_windows = false;
  auto [stuck, there] = s.ask(slow, "/stuck");
  s.far->head(there, {{":status", "200"}}, false);
  s.far->data(there, std::string(1 << 20, 's'), true);
  auto [id, seen] = s.ask(s.client, "/quick");
  s.far->head(seen, {{":status", "200"}}, false);
  s.far->data(seen, std::string(8 << 20, 'q'));
  auto& got = s.client.streams[id].body;
  CAF_CHECK(s.until([&] { return got.size() == (8u << 20); }));
  // Who stopped at once holds what the first window lets it; who has read much holds more.
  s.client.gives_windows = false;
  s.far->data(seen, std::string(8 << 20, 'q'));
  s.pass(1s);
  auto ahead = (8u << 20) - s.far->unsent(seen) - (got.size() - (8u << 20));
  auto little = (1u << 20) - s.far->unsent(there) - slow.streams[stuck].body.size();
  CAF_CHECK(little <= 32u * 1024 + 150'000);
  CAF_CHECK(ahead > little + 50'000 && ahead < 500'000);
}

CAF_TEST(an origin that breaks the protocol is 502 and the next request goes elsewhere) {
  struct row {
    const char* what;
    std::string sent;
  };
  auto many = [](const std::string& piece, int count) {
    std::string out;
    for (int i = 0; i < count; ++i)
      out += piece;
    return out;
  };
  for (const auto& [what, sent] : std::initializer_list<row>{
         {"data on no stream", h2::frame(NGHTTP2_DATA, 0, 0, "x")},
         {"a push", h2::frame(NGHTTP2_PUSH_PROMISE, h2::end_headers, 3,
                              h2::number(2) + h2::block({{":method", "GET"}}))},
         {"a window beyond its limit", h2::window(0, 0x7fffffff)},
         {"a stream of its own", h2::head(2, {{":status", "200"}}, true)},
         {"a field that is not in the table", h2::frame(NGHTTP2_HEADERS, h2::whole, 3, "\xfe")},
         {"another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n"},
         {"a head without an end",
          h2::frame(NGHTTP2_HEADERS, 0, 3, h2::block({{":status", "200"}})) +
            many(h2::frame(NGHTTP2_CONTINUATION, 0, 3, h2::block({{"x", std::string(900, 'y')}})),
                 3'000)},
         {"pings", many(h2::ping(), 11'000)},
         {"priorities", many(h2::frame(NGHTTP2_PRIORITY, 0, 3, h2::number(1) + "\x01"), 11'000)},
       }) {
    CAF_MESSAGE(what);
    shared s;
    auto [id, seen] = s.ask(s.client, "/bad");
    CAF_REQUIRE_EQUAL(seen, 3);
    s.far->on.say(sent);
    CAF_CHECK(s.ends(s.client, id));
    CAF_CHECK_EQUAL(s.client.status(id), 502);
    auto next = s.client.ask("GET", "/next");
    auto& again = s.serve_h2(s.example);
    again.answer(s.take(again, "/next"), "200", "fine");
    CAF_CHECK(s.ends(s.client, next));
    CAF_CHECK_EQUAL(s.client.outcome(next), "200");
    CAF_CHECK(s.is_over(s.far->on));
  }
}
