#define CAF_SUITE actors.flows.http2_faults
#include "tests/actors/flows/h2_stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// Clients that break the protocol, in frames and in requests: what they are told, and that nothing
/// of it reaches an origin.

namespace {

constexpr uint32_t longest_window = 0x7fffffff;
constexpr uint32_t protocol = NGHTTP2_PROTOCOL_ERROR;
constexpr uint32_t size = NGHTTP2_FRAME_SIZE_ERROR;
constexpr uint32_t packing = NGHTTP2_COMPRESSION_ERROR;
constexpr uint32_t flow = NGHTTP2_FLOW_CONTROL_ERROR;

std::string head(int32_t id, uint8_t flags = h2::end_headers) {
  return h2::frame(NGHTTP2_HEADERS, flags, id,
                   h2::block({{":method", "GET"},
                              {":scheme", "https"},
                              {":authority", "example.com"},
                              {":path", "/wait"}}));
}

std::string zeros(size_t count) { return std::string(count, '\0'); }

} // namespace

CAF_TEST(a broken frame ends the connection with the code for it) {
  struct row {
    uint32_t code;
    const char* what;
    std::string sent;
  };
  h2_stage s;
  auto& well = s.inside();
  auto waits = well.ask("GET", "/well");
  auto& far = s.serve_h2(s.example);
  for (const auto& [code, what, sent] : std::initializer_list<row>{
         {protocol, "data on no stream", h2::frame(NGHTTP2_DATA, 0, 0, "x")},
         {protocol, "a head on no stream", head(0)},
         {protocol, "a stream of even number", head(2)},
         {protocol, "data on an idle stream", h2::frame(NGHTTP2_DATA, 0, 1, "x")},
         {protocol, "a reset of an idle stream", h2::reset(1)},
         {protocol, "a window for an idle stream", h2::window(1, 1)},
         {protocol, "a window that does not grow", h2::window(0, 0)},
         {flow, "a window beyond its limit", h2::window(0, longest_window)},
         {protocol, "push switched on by 2", h2::settings({{NGHTTP2_SETTINGS_ENABLE_PUSH, 2}})},
         {flow, "an initial window beyond the limit",
          h2::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1u << 31}})},
         {protocol, "frames too small", h2::settings({{NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1}})},
         {protocol, "settings of a stream", h2::frame(NGHTTP2_SETTINGS, 0, 1)},
         {size, "half a setting", h2::frame(NGHTTP2_SETTINGS, 0, 0, zeros(5))},
         {size, "an acknowledgement that says more",
          h2::frame(NGHTTP2_SETTINGS, h2::ack, 0, zeros(6))},
         {protocol, "a ping of a stream", h2::frame(NGHTTP2_PING, 0, 1, zeros(8))},
         {size, "a short ping", h2::frame(NGHTTP2_PING, 0, 0, zeros(7))},
         {size, "a short reset", head(1) + h2::frame(NGHTTP2_RST_STREAM, 0, 1, zeros(3))},
         {protocol, "a goodbye on a stream", h2::frame(NGHTTP2_GOAWAY, 0, 1, zeros(8))},
         {protocol, "more of no head", h2::frame(NGHTTP2_CONTINUATION, h2::end_headers, 1)},
         {protocol, "more of another head",
          head(1, 0) + h2::frame(NGHTTP2_CONTINUATION, h2::end_headers, 3)},
         {protocol, "data within a head", head(1, 0) + h2::frame(NGHTTP2_DATA, 0, 1, "x")},
         {protocol, "a head within a head", head(1, 0) + head(3)},
         {protocol, "a push",
          head(1) + h2::frame(NGHTTP2_PUSH_PROMISE, h2::end_headers, 1, h2::number(2))},
         {size, "a frame beyond the size allowed",
          head(1) + h2::frame(NGHTTP2_DATA, 0, 1, zeros(16'385))},
         {protocol, "data that is all padding and more",
          head(1) + h2::frame(NGHTTP2_DATA, h2::padded, 1,
                              "\x05"
                              "abcd")},
         {packing, "field number 0", h2::frame(NGHTTP2_HEADERS, h2::whole, 1, "\x80")},
         {packing, "a field that is not in the table",
          h2::frame(NGHTTP2_HEADERS, h2::whole, 1, "\xfe")},
         {packing, "a number without end",
          h2::frame(NGHTTP2_HEADERS, h2::whole, 1, std::string(30, '\xff'))},
         {NGHTTP2_STREAM_CLOSED, "data behind the end",
          head(1, h2::whole) + h2::frame(NGHTTP2_DATA, 0, 1, "x")},
         {NGHTTP2_STREAM_CLOSED, "a head behind the end", head(1, h2::whole) + head(1, h2::whole)},
       }) {
    auto& client = s.inside();
    client.acknowledges = false;
    client.on.say(sent);
    CAF_CHECK(s.is_over(client.on));
    auto told = client.goodbye().value_or(0xff);
    if (told != code)
      CAF_ERROR(what << ": " << told);
  }
  far.answer(s.take(far, "/well"), "200", "well");
  CAF_CHECK(s.ends(well, waits));
  CAF_CHECK_EQUAL(well.streams[waits].body, "well");
}

CAF_TEST(what is no HTTP 2 at all ends the connection) {
  for (const auto& said :
       {std::string{"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"}, zeros(100),
        std::string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r"} + zeros(50),
        std::string{h2::preface} + head(1), std::string{h2::preface} + h2::ping()}) {
    h2_stage s;
    auto& client = s.inside("example.com", {}, false);
    client.on.say(said);
    CAF_CHECK(s.is_over(client.on, 5s));
    CAF_CHECK(client.goodbye().value_or(protocol) == protocol);
  }
}

CAF_TEST(a preface that does not come is waited for only so long) {
  for (const auto& said : {std::string{}, std::string{h2::preface.substr(0, 10)}}) {
    h2_stage s{"timeouts.head = \"20s\""};
    auto& client = s.inside("example.com", {}, false);
    client.on.say(said);
    CAF_CHECK(!s.is_over(client.on, 19s));
    CAF_CHECK(s.is_over(client.on, 2s));
  }
}

CAF_TEST(a request that is none is refused and its neighbours are served) {
  struct row {
    const char* what;
    h2_fields (*change)(h2_fields);
  };
  static const auto with = [](h2_fields f, std::string name, std::string value) {
    f.emplace_back(std::move(name), std::move(value));
    return f;
  };
  h2_stage s;
  auto& client = s.inside();
  (void)client.ask("GET", "/first");
  auto& far = s.serve_h2(s.example);
  (void)s.take(far, "/first");
  for (const auto& [what, change] : std::initializer_list<row>{
         {"an upper-case name", [](h2_fields f) { return with(f, "X-Up", "1"); }},
         {"a space in a name", [](h2_fields f) { return with(f, "x y", "1"); }},
         {"no name", [](h2_fields f) { return with(f, "", "1"); }},
         {"a line end in a name", [](h2_fields f) { return with(f, "x: y\r\nz", "1"); }},
         {"a line end in a value", [](h2_fields f) { return with(f, "x", "a\r\ny: b"); }},
         {"a NUL in a value", [](h2_fields f) { return with(f, "x", std::string("a\0b", 3)); }},
         {"connection", [](h2_fields f) { return with(f, "connection", "close"); }},
         {"upgrade", [](h2_fields f) { return with(f, "upgrade", "h2c"); }},
         {"a coding", [](h2_fields f) { return with(f, "transfer-encoding", "chunked"); }},
         {"te", [](h2_fields f) { return with(f, "te", "gzip"); }},
         {"a late pseudo-field", [](h2_fields f) { return with(f, ":path", "/b"); }},
         {"a status", [](h2_fields f) { return with(f, ":status", "200"); }},
         {"a protocol without CONNECT",
          [](h2_fields f) { return with(f, ":protocol", "websocket"); }},
         {"no method",
          [](h2_fields f) {
            return h2_fields{f.begin() + 1, f.end()};
          }},
         {"no path",
          [](h2_fields f) {
            return h2_fields{f.begin(), f.end() - 1};
          }},
         {"an empty path",
          [](h2_fields f) {
            f[3].second = "";
            return f;
          }},
         {"a path that does not begin",
          [](h2_fields f) {
            f[3].second = "a";
            return f;
          }},
         {"a space in a path",
          [](h2_fields f) {
            f[3].second = "/a b";
            return f;
          }},
         {"a path beyond ASCII",
          [](h2_fields f) {
            f[3].second = "/\xc3\xa4";
            return f;
          }},
         {"a line end in a path",
          [](h2_fields f) {
            f[3].second = "/ HTTP/1.1\r\nx: y";
            return f;
          }},
         {"an empty method",
          [](h2_fields f) {
            f[0].second = "";
            return f;
          }},
         {"a space in a method",
          [](h2_fields f) {
            f[0].second = "GET /x";
            return f;
          }},
         {"a line end in an authority",
          [](h2_fields f) {
            f[2].second = "a\r\nx: y";
            return f;
          }},
         {"a user in an authority",
          [](h2_fields f) {
            f[2].second = "u@example.com";
            return f;
          }},
         {"another host", [](h2_fields f) { return with(f, "host", "other.test"); }},
         {"two lengths",
          [](h2_fields f) { return with(with(f, "content-length", "5"), "content-length", "6"); }},
         {"a length of nothing", [](h2_fields f) { return with(f, "content-length", "5"); }},
       }) {
    auto id = client.open(change(client.request_to("POST", "/bad")));
    CAF_CHECK(s.ends(client, id));
    auto outcome = client.outcome(id);
    if (outcome != "400" && outcome != "reset 1")
      CAF_ERROR(what << ": " << outcome);
  }
  auto next = client.ask("GET", "/next");
  far.answer(s.take(far, "/next"), "200", "fine");
  CAF_CHECK(s.ends(client, next));
  CAF_CHECK_EQUAL(far.streams.size(), 2u);
}

CAF_TEST(a body that is not what its head says is no whole one) {
  struct row {
    const char* what;
    bool with_length;
    std::string rest;
  };
  const std::string begun = h2::frame(NGHTTP2_DATA, 0, 1, "abc");
  for (const auto& [what, with_length, rest] : std::initializer_list<row>{
         {"too short", true, h2::frame(NGHTTP2_DATA, h2::end_stream, 1, "abc")},
         {"too long", true, begun + h2::frame(NGHTTP2_DATA, h2::end_stream, 1, "defg")},
         {"pseudo-fields at the end", false, begun + h2::head(1, {{":path", "/"}}, true)},
         {"connection at the end", false, begun + h2::head(1, {{"connection", "x"}}, true)},
         {"a line end at the end", false, begun + h2::head(1, {{"x", "a\r\nb: c"}}, true)},
         {"a second head", false, begun + h2::head(1, {{"x", "y"}}, false)},
       }) {
    CAF_MESSAGE(what);
    h2_stage s;
    auto& client = s.inside();
    auto length = with_length ? h2_fields{{"content-length", "5"}} : h2_fields{};
    auto id = client.ask("POST", "/", length, false);
    auto& far = s.serve_h2(s.example);
    auto seen = s.take(far, "/");
    client.on.say(rest);
    CAF_CHECK(s.until([&] { return client.streams[id].reset || client.goodbye(); }));
    CAF_CHECK(s.until([&] { return far.streams[seen].is_over() || far.on.is_over(); }));
    CAF_CHECK(!far.streams[seen].ended);
  }
}
