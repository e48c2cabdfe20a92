#define CAF_SUITE actors.flows.http2_hostile
#include "tests/actors/flows/h2_stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// Clients that abuse HTTP/2: they lose their own connection, and nobody else notices.

namespace {

constexpr uint32_t longest_window = 0x7fffffff;
constexpr uint32_t calm = NGHTTP2_ENHANCE_YOUR_CALM;

/// A client, and another one with a request under way that must not notice.
struct guarded : h2_stage {
  explicit guarded(const std::string& daemon = "") : h2_stage(daemon) {
    waits = bystander.ask("GET", "/bystander");
    far = &serve_h2(example);
    (void)take(*far, "/bystander");
  }
  ~guarded() {
    far->answer(far->find("/bystander"), "200", "unharmed");
    CAF_CHECK(ends(bystander, waits));
    auto body = bystander.streams[waits].body;
    CAF_CHECK_EQUAL(body, "unharmed");
  }
  /// How a client's connection has ended: with the code of its goodbye.
  std::optional<uint32_t> end_of(h2_end& who) {
    (void)is_over(who.on);
    return who.goodbye();
  }
  /// A request frame by frame.
  std::string begin(int32_t id, const std::string& path = "/x", bool ended = true) {
    return h2::head(id, bystander.request_to("POST", path), ended);
  }

  h2_end& bystander = inside();
  h2_end* far = nullptr;
  int32_t waits = 0;
};

std::string repeat(const std::string& what, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i)
    out += what;
  return out;
}

} // namespace

CAF_TEST(so many streams may be cut short at once and more with time) {
  guarded s;
  auto& client = s.inside();
  int32_t next = 1;
  auto cut = [&](int count) {
    std::string all;
    for (int i = 0; i < count; ++i, next += 2)
      all += s.begin(next) + h2::reset(next, i % 2 == 0 ? NGHTTP2_CANCEL : NGHTTP2_NO_ERROR);
    client.on.say(all);
    s.pass(100ms);
    return client.goodbyes.empty() && !client.on.is_over();
  };
  CAF_CHECK(cut(200));
  s.pass(10s);
  CAF_CHECK(cut(200)); // 33 a second are earned
  s.pass(1s);
  CAF_CHECK(cut(33));
  s.pass(1s);
  CAF_CHECK(!cut(40));
  CAF_CHECK(s.end_of(client) == calm);
  CAF_CHECK(client.goodbyes.front().words.find("200") != std::string::npos);
}

CAF_TEST(streams that we are made to cut short count as well) {
  for (auto kind : {0, 1, 2}) {
    guarded s;
    auto& client = s.inside();
    auto body = client.request_to("POST", "/x", {{"content-length", "1"}});
    int32_t id = 1;
    for (; id < 2 * 300 && client.goodbyes.empty(); id += 2) {
      client.on.say(kind == 0   ? s.begin(id, "/x", false) + h2::window(id, longest_window)
                    : kind == 1 ? h2::head(id, body, false) + h2::frame(NGHTTP2_DATA, 0, id, "xx")
                                : h2::head(id, {{":method", "GET"}, {":path", "/"}}, true));
      s.pass(0s);
    }
    CAF_CHECK(s.end_of(client) == calm);
    CAF_CHECK(id >= 2 * 200);
    CAF_CHECK(s.far->streams.size() <= 202);
  }
}

CAF_TEST(frames in a row that carry nothing are borne up to a number) {
  struct row {
    const char* what;
    std::string piece;
  };
  for (const auto& [what, piece] : std::initializer_list<row>{
         {"empty data", h2::frame(NGHTTP2_DATA, 0, 1)},
         {"small steps of the window", h2::window(0, 1)},
         {"small steps of a stream's window", h2::window(1, 1)},
         {"acknowledgements of nothing", h2::frame(NGHTTP2_PING, h2::ack, 0, h2::number(0, 8))},
         {"pings", h2::ping()},
         {"settings", h2::settings({})},
       }) {
    CAF_MESSAGE(what);
    guarded s;
    auto& client = s.inside();
    client.on.say(s.begin(1, "/upload", false));
    (void)s.take(*s.far, "/upload");
    auto flood = [&](size_t count) {
      for (size_t i = 0; i < count; i += 300) {
        client.on.say(repeat(piece, 300));
        (void)s.until([&] { return client.on.unsaid() == 0; }, 1s);
        s.pass(0s);
      }
    };
    flood(5'100);
    client.on.say(s.begin(3, "/between", false));
    (void)s.take(*s.far, "/between");
    flood(9'900); // counted anew
    CAF_CHECK(client.goodbyes.empty() && !client.on.is_over());
    flood(300);
    CAF_CHECK(s.end_of(client) == calm);
  }
}

CAF_TEST(a client that makes us answer and takes no answer is sent away) {
  for (const auto& piece : {h2::ping(), h2::settings({})}) {
    guarded s;
    auto& client = s.inside();
    s.pass(0s);
    client.on.read_nothing();
    size_t sent = 0;
    for (; sent < 200'000 && !client.on.is_over(); sent += 2'000) {
      client.on.say(repeat(piece, 2'000));
      s.pass(0s);
    }
    client.on.read_nothing(false);
    CAF_CHECK(s.is_over(client.on));
    CAF_CHECK(client.pongs + client.acks < sent);
  }
}

CAF_TEST(a head without an end is given up) {
  for (const auto& piece :
       {h2::frame(NGHTTP2_CONTINUATION, 0, 1, h2::block({{"x", std::string(10'000, 'y')}})),
        h2::frame(NGHTTP2_CONTINUATION, 0, 1)}) {
    guarded s;
    auto& client = s.inside();
    s.pass(0s); // settings are acknowledged
    client.on.say(
      h2::frame(NGHTTP2_HEADERS, 0, 1, h2::block(s.bystander.request_to("GET", "/endless"))));
    for (int i = 0; i < 1'000 && !client.on.is_over(); ++i) {
      client.on.say(repeat(piece, 10));
      s.pass(0s);
    }
    CAF_CHECK(s.is_over(client.on, 1s));
    CAF_CHECK_EQUAL(s.far->find("/endless"), 0);
  }
}

CAF_TEST(a small head that unpacks to a large one is refused) {
  guarded s;
  auto& client = s.inside();
  // One field of 4,000 bytes goes into the table, and each byte after it is the same again.
  auto head = h2::block(client.request_to("GET", "/bomb"));
  auto field = std::string{"\x40\x01x\x7f\xa1\x1e"} + std::string(4'000, 'y');
  auto bomb = head + field + std::string(8'000, '\xbe');
  client.on.say(h2::frame(NGHTTP2_HEADERS, h2::whole, 1, bomb));
  CAF_CHECK(s.ends(client, 1));
  CAF_CHECK_EQUAL(client.status(1), 431);
  CAF_CHECK_EQUAL(s.far->find("/bomb"), 0);
}

CAF_TEST(a client may have a hundred streams and is told so) {
  for (auto knows : {true, false}) { // what it was told
    guarded s;
    auto& client = s.inside();
    client.acknowledges = knows;
    CAF_CHECK(s.until([&] { return !client.settings.empty(); }));
    CAF_CHECK_EQUAL(client.settings[NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS], 100u);
    std::string all;
    for (int32_t i = 0; i < 101; ++i)
      all += s.begin(2 * i + 1, "/many", false);
    client.on.say(all);
    CAF_CHECK(s.until([&] { return client.streams[201].is_over() || client.goodbye(); }));
    if (knows)
      CAF_CHECK(client.goodbye() == uint32_t{NGHTTP2_PROTOCOL_ERROR});
    else
      CAF_CHECK(client.streams[201].reset == uint32_t{NGHTTP2_REFUSED_STREAM});
    CAF_CHECK_EQUAL(client.goodbyes.empty(), !knows);
  }
}

CAF_TEST(more data than the window is an error) {
  guarded s;
  auto& client = s.inside();
  client.on.say(s.begin(1, "/upload", false));
  (void)s.take(*s.far, "/upload");
  s.far->gives_windows = false;
  for (int i = 0; i < 100 && client.goodbyes.empty() && !client.streams[1].reset; ++i) {
    client.on.say(h2::frame(NGHTTP2_DATA, 0, 1, std::string(16'384, 'x')));
    s.pass(0s);
  }
  CAF_CHECK(client.streams[1].reset == uint32_t{NGHTTP2_FLOW_CONTROL_ERROR});
}

CAF_TEST(a client whose streams hold too much gets no more until they end) {
  guarded s;
  auto& client = s.inside();
  std::vector<int32_t> held;
  auto is_refused = [&](int32_t id) { return client.status(id) == 503; };
  for (int i = 0; i < 90; ++i) {
    held.push_back(client.ask("GET", "/held", {{"x", std::string(60'000, 'h')}}));
    s.pass(10ms);
    if (is_refused(held.back()))
      break;
  }
  CAF_REQUIRE(is_refused(held.back()));
  CAF_CHECK(held.size() > 20);
  auto mild = client.ask("GET", "/mild");
  CAF_CHECK(s.ends(client, mild, 1s));
  CAF_CHECK_EQUAL(client.status(mild), 503);
  CAF_CHECK_EQUAL(s.far->find("/mild"), 0);
  for (auto& [id, stream] : s.far->streams)
    if (stream[":path"] == "/held")
      s.far->answer(id, "204");
  for (auto id : held)
    CAF_CHECK(s.ends(client, id));
  auto next = client.ask("GET", "/next");
  s.far->answer(s.take(*s.far, "/next"), "204");
  CAF_CHECK(s.ends(client, next));
  CAF_CHECK_EQUAL(client.outcome(next), "204");
}

CAF_TEST(frames of padding alone are borne up to a number) {
  h2_stage s;
  auto& client = s.inside();
  auto id = client.ask("POST", "/upload", {}, false);
  auto& far = s.serve_h2(s.example);
  (void)s.take(far, "/upload");
  std::string piece;
  for (int i = 0; i < 300; ++i)
    piece += h2::frame(NGHTTP2_DATA, h2::padded, id, std::string(1, '\0'));
  for (int i = 0; i < 100; ++i) {
    client.on.say(piece);
    (void)s.until([&] { return client.on.unsaid() == 0; }, 1s);
    s.pass(0s);
  }
  s.pass(1s);
  CAF_CHECK(client.goodbye() == uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
}
