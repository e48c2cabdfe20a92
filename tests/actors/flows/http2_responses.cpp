#define CAF_SUITE actors.flows.http2_responses
#include "tests/actors/flows/h2_stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// What origins answer in HTTP/2, to clients of either version, and how they break off.

namespace {

struct with_origin : h2_stage {
  using h2_stage::h2_stage;

  /// Asks once, and has the origin get it. A first request makes the connection.
  std::pair<int32_t, int32_t> ask(const std::string& method, const std::string& path,
                                  bool ended = true) {
    auto id = client.ask(method, path, {}, ended);
    if (!far)
      far = &serve_h2(example);
    return {id, take(*far, path)};
  }
  h2_end& client = inside();
  h2_end* far = nullptr;
};

/// A client of HTTP/1.1 at an origin of h2 alone.
struct translated : h2_stage {
  h2_end& ask(const std::string& head, const std::string& body = "") {
    client.forget();
    client.say(head + " HTTP/1.1\r\nHost: example.com\r\n" + body);
    if (!far) {
      insist_on_h2(example);
      far = &serve_h2(example);
    }
    return *far;
  }
  party& client = inside_h1();
  h2_end* far = nullptr;
};

} // namespace

CAF_TEST(a response that is cut ends its stream with a code that is true) {
  struct row {
    uint32_t code;
    const char* outcome;
  };
  with_origin s;
  for (const auto& [code, outcome] : std::initializer_list<row>{
         {NGHTTP2_CANCEL, "200 reset 8"},
         {NGHTTP2_ENHANCE_YOUR_CALM, "200 reset 11"},
         {NGHTTP2_INADEQUATE_SECURITY, "200 reset 12"},
         {NGHTTP2_CONNECT_ERROR, "200 reset 10"},
         {NGHTTP2_NO_ERROR, "200 reset 2"},
         {NGHTTP2_PROTOCOL_ERROR, "200 reset 2"},
         {NGHTTP2_REFUSED_STREAM, "200 reset 2"},
         {0x77, "200 reset 2"},
         {NGHTTP2_HTTP_1_1_REQUIRED, "200 reset 13"}, // last: it is remembered
       }) {
    auto path = "/" + std::to_string(code);
    auto [id, seen] = s.ask("GET", path);
    s.far->head(seen, {{":status", "200"}}, false);
    s.far->data(seen, "half");
    auto& got = s.client.streams[id];
    CAF_CHECK(s.until([&] { return got.body == "half"; }));
    s.far->on.say(h2::reset(seen, code));
    CAF_CHECK(s.ends(s.client, id));
    CAF_CHECK_EQUAL(s.client.outcome(id), outcome);
    CAF_CHECK(!got.ended);
  }
}

CAF_TEST(a connection that dies within a response ends all its streams and no other) {
  struct row {
    const char* what;
    void (*die)(h2_end&, int32_t);
  };
  for (const auto& [what, die] : std::initializer_list<row>{
         {"a reset", [](h2_end&far, int32_t) { far.on.reset(); }},
         {"the end", [](h2_end&far, int32_t) { far.on.finish(); }},
         {"a broken frame",
          [](h2_end&far, int32_t) { far.on.say(h2::frame(NGHTTP2_DATA, 0, 0, "x")); }},
         {"too short", [](h2_end&far, int32_t id) { far.data(id, "x", true); }},
       }) {
    CAF_MESSAGE(what);
    with_origin s;
    auto [id, seen] = s.ask("GET", "/");
    s.far->head(seen, {{":status", "200"}, {"content-length", "100"}}, false);
    s.far->data(seen, "half");
    auto& got = s.client.streams[id];
    CAF_CHECK(s.until([&] { return got.body == "half"; }));
    die(*s.far, seen);
    CAF_CHECK(s.ends(s.client, id));
    auto outcome = s.client.outcome(id);
    CAF_CHECK_EQUAL(outcome, "200 reset 2");
    CAF_CHECK(!got.ended);
    CAF_CHECK(s.client.goodbyes.empty());
  }
}

CAF_TEST(a request is sent twice only where that does no harm) {
  struct row {
    const char* method;
    bool reused, twice;
  };
  for (const auto& [method, reused, twice] : std::initializer_list<row>{
         {"GET", true, true}, {"GET", false, false}, {"POST", true, false}, {"PUT", true, true}}) {
    CAF_MESSAGE(method << ' ' << reused);
    with_origin s;
    if (reused) {
      auto [id, seen] = s.ask("GET", "/before");
      s.far->answer(seen, "204");
      CAF_CHECK(s.ends(s.client, id));
    }
    auto [id, seen] = s.ask(method, "/");
    s.far->on.finish();
    if (twice) {
      s.far = nullptr;
      auto& again = s.serve_h2(s.example);
      again.answer(s.take(again, "/"), "200", "done");
    }
    CAF_CHECK(s.ends(s.client, id));
    CAF_CHECK_EQUAL(s.client.status(id), twice ? 200 : 502);
    CAF_CHECK(!s.is_called(s.example, 1s));
  }
}

CAF_TEST(every code and the words of a goodbye are told to who waits) {
  struct row {
    uint32_t code;
    bool goodbye;
    const char* told;
  };
  for (const auto& [code, goodbye, told] : std::initializer_list<row>{
         {NGHTTP2_INTERNAL_ERROR, false, "(HTTP/2 INTERNAL_ERROR)"},
         {NGHTTP2_CANCEL, false, "(HTTP/2 CANCEL)"},
         {0x77, false, "(HTTP/2 error 119)"},
         {NGHTTP2_ENHANCE_YOUR_CALM, true, "ENHANCE_YOUR_CALM): too_many?_pings"},
         {0x78, true, "error 120): too_many?_pings"},
       }) {
    with_origin s;
    auto [id, seen] = s.ask("POST", "/");
    if (goodbye) {
      s.far->on.say(h2::goaway(seen, code, "too_many\x1b_pings") + h2::goaway(seen, code));
      s.far->on.finish();
    } else {
      s.far->on.say(h2::reset(seen, code));
    }
    CAF_CHECK(s.ends(s.client, id));
    CAF_CHECK_EQUAL(s.client.status(id), 502);
    auto body = s.client.streams[id].body;
    CAF_MESSAGE(body);
    CAF_CHECK(body.find(told) != std::string::npos);
    CAF_CHECK(s.client.streams[id]["proxy-status"].find("http_protocol_error") !=
              std::string::npos);
  }
}

CAF_TEST(a response that is none is 502 and its neighbours are served) {
  with_origin s;
  auto number = 0;
  const std::pair<std::string, std::string> fine{":status", "200"};
  struct row {
    const char* what;
    h2_fields head;
  };
  for (const auto& [what, head] : std::initializer_list<row>{
         {"no status", {{"x", "y"}}},
         {"no number", {{":status", "2x0"}}},
         {"two statuses", {fine, fine}},
         {"an upper-case name", {fine, {"X-Up", "1"}}},
         {"connection", {fine, {"connection", "close"}}},
         {"a coding", {fine, {"transfer-encoding", "chunked"}}},
         {"a field of requests", {fine, {":path", "/"}}},
         {"a late status", {{"x", "y"}, fine}},
         {"a NUL", {fine, {"x", std::string("a\0b", 3)}}},
         {"a line end", {fine, {"x", "a\r\nset-cookie: b=S3CRET"}}},
         {"two lengths", {fine, {"content-length", "1"}, {"content-length", "2"}}},
         {"a head too long", {fine, {"x", std::string(70'000, 'a')}}},
         {"too many fields",
          [&] {
            h2_fields many(300, {"x", "y"});
            many.insert(many.begin(), fine);
            return many;
          }()},
       }) {
    CAF_MESSAGE(what);
    auto path = "/" + std::to_string(number++);
    auto [id, seen] = s.ask("POST", path);
    s.far->head(seen, head, true);
    CAF_CHECK(s.ends(s.client, id));
    CAF_CHECK_EQUAL(s.client.status(id), 502);
    CAF_CHECK(s.client.streams[id].body.find("S3CRET") == std::string::npos);
    auto [next, after] = s.ask("GET", path + "/after");
    s.far->answer(after, "200", "fine");
    CAF_CHECK(s.ends(s.client, next));
    CAF_CHECK_EQUAL(s.client.outcome(next), "200");
  }
  CAF_CHECK(s.log().find("S3CRET") == std::string::npos);
}

CAF_TEST(interim responses pass up to a limit and do not stand for the final one) {
  for (int count : {1, 32, 33}) {
    with_origin s;
    auto [id, seen] = s.ask("GET", "/");
    for (int i = 0; i < count; ++i)
      s.far->head(seen, {{":status", "103"}, {"link", "</x>"}}, false);
    if (count == 1)
      s.far->on.say(h2::reset(seen, NGHTTP2_NO_ERROR));
    else
      s.far->answer(seen, "200", "final");
    CAF_CHECK(s.ends(s.client, id));
    CAF_CHECK_EQUAL(s.client.status(id), count == 32 ? 200 : 502);
    CAF_CHECK_EQUAL(s.client.streams[id].interim.size(), size_t(std::min(count, 32)));
  }
}

CAF_TEST(an origin that does not answer is 504 at its time and gets nothing new) {
  with_origin s{"timeouts.response = \"20s\""};
  auto [id, seen] = s.ask("GET", "/");
  CAF_CHECK(!s.ends(s.client, id, 19s));
  CAF_CHECK(s.ends(s.client, id, 2s));
  CAF_CHECK_EQUAL(s.client.status(id), 504);
  CAF_CHECK(s.until([&] { return s.far->streams[seen].reset.has_value(); }));
  auto next = s.client.ask("GET", "/next");
  auto& again = s.serve_h2(s.example);
  again.answer(s.take(again, "/next"), "200", "fine");
  CAF_CHECK(s.ends(s.client, next));
  CAF_CHECK(s.is_over(s.far->on, 46s)); // as one that nobody uses
}

CAF_TEST(a client of HTTP 1 reaches an origin that has only h2) {
  translated s;
  auto& far = s.ask("POST /a?b=c", "X-One: 1\r\nConnection: x-two\r\nX-Two: 2\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n"
                                   "5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n");
  auto seen = s.take(far, "/a?b=c");
  auto& got = far.streams[seen];
  CAF_CHECK(s.until([&] { return got.is_over(); }));
  CAF_CHECK_EQUAL(got[":authority"], "example.com");
  CAF_CHECK_EQUAL(got["x-one"], "1");
  CAF_CHECK_EQUAL(got["x-two"], "");
  CAF_CHECK_EQUAL(got["connection"], "");
  CAF_CHECK_EQUAL(got.body, "hello");
  CAF_CHECK(got.trailers == (h2_fields{{"x-sum", "7"}}));
  far.head(seen, {{":status", "200"}, {"trailer", "x-check"}}, false);
  far.data(seen, "answer");
  far.head(seen, {{"x-check", "good"}}, true);
  CAF_CHECK(s.hears(s.client, "6\r\nanswer\r\n0\r\nx-check: good\r\n\r\n"));
  // And from now on nothing else is tried first.
  (void)s.ask("GET /next", "\r\n");
  far.answer(s.take(far, "/next"), "200", "next");
  CAF_CHECK(s.hears(s.client, "next"));
  CAF_CHECK(!s.is_called(s.example, 1s));
}

CAF_TEST(responses without a body end where they must in HTTP 1) {
  struct row {
    const char *method, *status;
    h2_fields more;
    const char* told;
  };
  translated s;
  for (const auto& [method, status, more, told] : std::initializer_list<row>{
         {"HEAD", "200", {{"content-length", "1000"}}, "content-length: 1000\r\n"},
         {"GET", "204", {}, "HTTP/1.1 204 "},
         {"GET", "304", {{"etag", "\"e\""}}, "etag: \"e\"\r\n"},
         {"GET", "200", {}, "Content-Length: 0\r\n"},
       }) {
    auto path = std::string{"/"} + method + status + std::to_string(more.size());
    auto& far = s.ask(method + (" " + path), "\r\n");
    auto seen = s.take(far, path);
    far.head(seen, {{":status", "103"}}, false);
    far.answer(seen, status, "", more);
    CAF_CHECK(s.hears(s.client, told));
    CAF_CHECK(s.hears(s.client, "HTTP/1.1 103 "));
    CAF_CHECK(s.client.text.ends_with("\r\n\r\n"));
  }
}
