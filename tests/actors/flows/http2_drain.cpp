#define CAF_SUITE actors.flows.http2_drain
#include "tests/actors/flows/h2_stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// How connections of HTTP/2 end: with the proxy, with their time, with their clients.

namespace {

struct begun : h2_stage {
  explicit begun(const std::string& daemon = "") : h2_stage(daemon) {}

  /// A request that waits for its answer at the origin.
  int32_t wait(const std::string& path) {
    auto id = client.ask("GET", path);
    if (!far)
      far = &serve_h2(example);
    (void)take(*far, path);
    return id;
  }
  void answer(const std::string& path) { far->answer(far->find(path), "200", path); }
  /// A request that has its answer.
  void serve(const std::string& path) {
    auto id = wait(path);
    answer(path);
    CAF_REQUIRE(ends(client, id));
  }
  h2_end& client = inside();
  h2_end* far = nullptr;
};

} // namespace

CAF_TEST(a drain says goodbye and lets what is under way finish and nothing begin) {
  begun s;
  auto first = s.wait("/first");
  auto upload = s.client.ask("POST", "/upload", {}, false);
  auto seen = s.take(*s.far, "/upload");
  s.client.data(upload, "before ");
  auto drained = s.drain();
  CAF_CHECK(s.until([&] { return !s.client.goodbyes.empty(); }, 1s));
  CAF_CHECK_EQUAL(s.client.goodbyes[0].code, 0u);
  CAF_CHECK_EQUAL(s.client.goodbyes[0].last, upload);
  auto late = s.client.ask("GET", "/late");
  s.client.data(upload, "after", true);
  CAF_CHECK(s.until([&] { return s.far->streams[seen].body == "before after"; }));
  s.answer("/upload");
  CAF_CHECK(s.ends(s.client, upload));
  CAF_CHECK(!s.is_over(s.client.on, 1min));
  CAF_CHECK(!drained->has_value());
  s.answer("/first");
  CAF_CHECK(s.ends(s.client, first));
  CAF_CHECK_EQUAL(s.client.streams[first].body, "/first");
  CAF_CHECK(s.is_over(s.client.on, 1s));
  s.client.on.close();
  CAF_CHECK(s.until([&] { return drained->has_value(); }));
  CAF_CHECK_EQUAL(s.far->find("/late"), 0);
  CAF_CHECK(!s.client.streams[late].has_head());
  CAF_CHECK(s.is_over(s.far->on, 1min));
}

CAF_TEST(a drain waits for no connection without a stream) {
  for (auto served : {true, false}) {
    begun s;
    if (served)
      s.serve("/");
    auto drained = s.drain();
    CAF_CHECK(s.is_over(s.client.on, 1s));
    CAF_CHECK(s.client.goodbye() == 0u);
    s.client.on.close();
    CAF_CHECK(s.until([&] { return drained->has_value(); }, 5s));
  }
}

CAF_TEST(a WebSocket is a stream that a drain lets go on) {
  begun s;
  auto id = s.client.open(websocket_to(s.client, "/ws"), false);
  s.insist_on_h2(s.example);
  auto& far = s.serve_h2(s.example, {{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}});
  auto seen = s.take(far, "/ws");
  far.head(seen, {{":status", "200"}}, false);
  CAF_CHECK(s.until([&] { return s.client.streams[id].has_head(); }));
  auto drained = s.drain();
  CAF_CHECK(s.until([&] { return !s.client.goodbyes.empty(); }, 1s));
  s.client.data(id, "still", true);
  CAF_CHECK(s.until([&] { return far.streams[seen].body == "still"; }));
  far.data(seen, "here", true);
  CAF_CHECK(s.until([&] { return s.client.streams[id].ended; }));
  CAF_CHECK(s.is_over(s.client.on, 1s));
  s.client.on.close();
  CAF_CHECK(s.until([&] { return drained->has_value(); }));
}

CAF_TEST(a connection without streams is closed at its time with a goodbye) {
  struct row {
    const char* what;
    bool served;
    std::string rest;
    std::chrono::seconds after;
  };
  for (const auto& [what, served, rest, after] : std::initializer_list<row>{
         {"after a request", true, "", 40s},
         {"without any", false, "", 20s},
         {"half a frame", false, h2::ping().substr(0, 8), 20s},
         {"half a head", false, h2::frame(NGHTTP2_HEADERS, 0, 1, h2::block({{":method", "GET"}})),
          20s},
       }) {
    CAF_MESSAGE(what);
    begun s{"timeouts.keep_alive = \"40s\"\ntimeouts.head = \"20s\"\n"};
    s.client.acknowledges = rest.empty(); // nothing may stand between two parts of a head
    if (served)
      s.serve("/");
    s.client.on.say(rest);
    CAF_CHECK(!s.is_over(s.client.on, after - 1s));
    CAF_CHECK(s.client.goodbyes.empty());
    CAF_CHECK(s.is_over(s.client.on, 2s));
    CAF_CHECK(s.client.goodbye() == 0u);
  }
}

CAF_TEST(frames that are no requests do not keep a connection open) {
  begun s{"timeouts.keep_alive = \"40s\"\n"};
  s.serve("/");
  for (int i = 0; i < 4; ++i) {
    CAF_CHECK(!s.is_over(s.client.on, 9s));
    s.client.on.say(h2::ping());
  }
  CAF_CHECK(s.is_over(s.client.on, 5s));
  CAF_CHECK_EQUAL(s.client.pongs, 4u);
}

CAF_TEST(a connection with a waiting stream is not idle and its time begins with the end) {
  begun s{"timeouts.keep_alive = \"40s\"\n"};
  auto id = s.wait("/long");
  CAF_CHECK(!s.is_over(s.client.on, 2min));
  s.answer("/long");
  CAF_CHECK(s.ends(s.client, id));
  CAF_CHECK(!s.is_over(s.client.on, 39s));
  CAF_CHECK(s.is_over(s.client.on, 2s));
}

CAF_TEST(a client that takes nothing is given up after the idle time) {
  struct row {
    const char* what;
    bool window, reads;
  };
  for (const auto& [what, window, reads] : std::initializer_list<row>{
         {"no window", false, true}, {"no reading", true, false}, {"neither", false, false}}) {
    CAF_MESSAGE(what);
    h2_stage s{
      "timeouts.idle = \"60s\"\nlimits.min_body_rate = 0\ntimeouts.keep_alive = \"10s\"\n"};
    auto& client =
      s.inside("example.com", {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window ? 1u << 30 : 0}});
    client.on.say(h2::window(0, 1 << 30));
    client.gives_windows = false;
    auto id = client.ask("GET", "/");
    auto& far = s.serve_h2(s.example);
    auto seen = s.take(far, "/");
    client.on.read_nothing(!reads);
    far.head(seen, {{":status", "200"}}, false);
    far.data(seen, std::string(4 << 20, 'x'));
    CAF_CHECK(!s.until([&] { return far.streams[seen].reset.has_value(); }, 59s));
    CAF_CHECK(far.unsent(seen) > (2u << 20)); // the rest stays where it is
    CAF_CHECK(s.until([&] { return far.streams[seen].reset.has_value(); }, 2s));
    s.pass(11s);
    client.on.read_nothing(false);
    CAF_CHECK(s.is_over(client.on, 1s));
    CAF_CHECK(!client.streams[id].ended);
  }
}

CAF_TEST(a client that hangs up ends its streams at their origin and no other client) {
  for (auto by_reset : {true, false}) {
    begun s;
    auto kept = s.wait("/kept");
    auto& other = s.inside();
    for (auto path : {"/a", "/b", "/c"}) {
      (void)other.ask("GET", path);
      (void)s.take(*s.far, path);
    }
    by_reset ? other.on.reset() : other.on.close();
    CAF_CHECK(s.until([&] {
      return std::ranges::all_of(std::array{"/a", "/b", "/c"}, [&](auto path) {
        return s.far->streams[s.far->find(path)].reset == uint32_t{NGHTTP2_CANCEL};
      });
    }));
    s.answer("/kept");
    CAF_CHECK(s.ends(s.client, kept));
    CAF_CHECK_EQUAL(s.client.outcome(kept), "200");
  }
}

CAF_TEST(a worker that ends takes what its connections held off the account) {
  h2_stage s{"limits.min_body_rate = 0\n"};
  auto& client = s.inside("example.com", {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1u << 30}});
  client.on.say(h2::window(0, 1 << 30));
  client.gives_windows = false;
  (void)client.ask("GET", "/");
  auto& far = s.serve_h2(s.example);
  auto seen = s.take(far, "/");
  client.on.read_nothing();
  far.head(seen, {{":status", "200"}}, false);
  far.data(seen, std::string(4 << 20, 'x'));
  s.pass(10s);
  CAF_CHECK(s.process->memory.held.load() > memory_account::step);
  for (const auto& each : s.shards)
    caf::anon_send(each, atom::abort_v);
  s.pass(1s);
  CAF_CHECK_EQUAL(s.process->memory.held.load(), 0);
}
