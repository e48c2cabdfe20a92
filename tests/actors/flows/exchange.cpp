#define CAF_SUITE actors.flows.exchange
#include "actors/serve/exchange/transfer.hpp" // unit under test

#include <limits>

#include "tests/actors/flows/exchange_stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

constexpr auto any_size = std::numeric_limits<size_t>::max();

const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";

std::string letters(size_t size) {
  std::string out(size, ' ');
  for (size_t i = 0; i < size; ++i)
    out[i] = static_cast<char>('a' + i * 7 % 26 + i / 1000 % 2);
  return out;
}

/// The same in chunks.
std::string in_chunks(std::string_view text, size_t size) {
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
    auto piece = text.substr(0, size);
    char hex[20];
    std::snprintf(hex, sizeof hex, "%zx\r\n", piece.size());
    out.append(hex).append(piece).append("\r\n");
  }
  return out + "0\r\n\r\n";
}

} // namespace

CAF_TEST(bodies of every framing pass both ways in whatever pieces they come) {
  struct request_row {
    std::string_view words;
    std::string sent, body;
  } requests[]{
    {"no body", get_it(), ""},
    {"a length", post_it("hello"), "hello"},
    {"chunks and a trailer", start_of("PUT") + chunked + "5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n",
     "5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n"},
  };
  struct response_row {
    std::string_view words;
    std::string said, body;
    bool ends = false; ///< With the connection.
  } responses[]{
    {"a length", ok("there"), "there"},
    {"a length of nothing", ok(""), ""},
    {"chunks and a trailer",
     "HTTP/1.1 200 OK\r\n" + chunked + "5\r\nthere\r\n0\r\nX-Check: good\r\n\r\n",
     "5\r\nthere\r\n0\r\nX-Check: good\r\n\r\n"},
    {"no content", "HTTP/1.1 204 No Content\r\n\r\n", ""},
    {"not modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 70\r\n\r\n", ""},
    {"until the end", "HTTP/1.1 200 OK\r\n\r\nthere", "there", true},
    {"until the end of HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nthere", "there", true},
  };
  for (size_t most : {size_t{1}, size_t{7}, any_size}) {
    exchange_stage s;
    s.set_ways(in_pieces(most, 50'000));
    for (const auto& asks : requests)
      for (const auto& says : responses) {
        CAF_MESSAGE(asks.words << ", then " << says.words << ", " << most << " bytes at once");
        auto [client, origin] = s.begin(asks.sent);
        CAF_CHECK(s.until([&, o = &origin] { return behind_head(o->text) == asks.body; }));
        origin.say(says.said);
        if (says.ends)
          origin.finish();
        CAF_CHECK(s.until(
          [&, c = &client] { return c->hears("\r\n\r\n") && behind_head(c->text) == says.body; }));
        CAF_CHECK_EQUAL(s.is_over(client, 1s), says.ends);
        CAF_CHECK_EQUAL(client.hears("\r\nConnection: close\r\n"), says.ends);
        CAF_CHECK_EQUAL(client.error, 0);
        if (!says.ends)
          CAF_CHECK(s.serves(client));
        client.close();
        origin.close();
        s.pass(10ms);
      }
  }
}

CAF_TEST(large bodies pass whole both ways at once) {
  auto body = letters(700'000);
  auto chunks = in_chunks(body, 30'001);
  for (size_t most : {size_t{1500}, any_size}) {
    exchange_stage s;
    s.set_ways(in_pieces(most, 20'000));
    struct row {
      std::string request, up, response, down;
    } rows[]{
      {post_it(body), body, ok(body), body},
      {start_of("POST") + chunked + chunks, chunks, "HTTP/1.1 200 OK\r\n" + chunked + chunks,
       chunks},
    };
    for (const auto& [request, up, response, down] : rows) {
      auto [client, origin] = s.begin(request);
      origin.say(response); // before it has the request
      CAF_CHECK(s.until([&, o = &origin] { return behind_head(o->text).size() >= up.size(); }));
      CAF_CHECK(s.until([&, c = &client] { return behind_head(c->text).size() >= down.size(); }));
      CAF_CHECK(behind_head(origin.text) == up);
      CAF_CHECK(behind_head(client.text) == down);
      origin.close();
      client.close();
      s.pass(10ms);
    }
  }
}

CAF_TEST(a reader that stops holds back who sends to it and nothing is lost) {
  auto body = letters(2'500'000);
  exchange_stage s;
  auto [client, origin] = s.begin(get_it());
  client.read_nothing();
  origin.say(ok(body));
  s.pass(10s);
  CAF_CHECK(origin.unsaid() > 1'000'000u);
  client.read_nothing(false);
  CAF_CHECK(s.until([&, c = &client] { return behind_head(c->text) == body; }));
  origin.close();
  s.pass(10ms);
  auto [uploader, slow] = s.begin(start_of("PUT") + "Content-Length: 2500000\r\n\r\n");
  slow.read_nothing();
  uploader.say(body);
  s.pass(10s);
  CAF_CHECK(uploader.unsaid() > 1'000'000u);
  slow.read_nothing(false);
  CAF_CHECK(s.until([&, o = &slow] { return behind_head(o->text) == body; }));
}

CAF_TEST(pipelined requests are answered in order and each body belongs to its own) {
  for (size_t most : {size_t{1}, size_t{50}, any_size}) {
    exchange_stage s;
    s.set_way(s.user, in_pieces(most));
    auto& client = s.client();
    client.say(post_it("first") + get("http://other.test/") + start_of("PUT") + chunked +
               "6\r\nsecond\r\n0\r\n\r\n" + get_it("X-Last: 1\r\n"));
    auto& origin = s.accept(s.at_origin);
    CAF_CHECK(s.hears(origin, "\r\n\r\nfirst"));
    CAF_CHECK(!s.hears(origin, "PUT", 1s)); // one after the other
    origin.say(ok("one"));
    CAF_CHECK(s.hears(origin, "6\r\nsecond\r\n0\r\n\r\n"));
    origin.say(ok("two"));
    CAF_CHECK(s.hears(origin, "X-Last: 1"));
    origin.say(ok("three"));
    CAF_CHECK(s.hears(client, "three"));
    auto text = client.text;
    CAF_CHECK(text.find("\r\n\r\none") < text.find("blocked-by-allowlist"));
    CAF_CHECK(text.find("blocked-by-allowlist") < text.find("\r\n\r\ntwo"));
    CAF_CHECK_EQUAL(count_of(text, "HTTP/1.1 "), 4u);
  }
}

CAF_TEST(what belongs to one connection goes no further and is asked of each anew) {
  exchange_stage s;
  auto [client, origin] =
    s.begin(get_it("Connection: X-One, close\r\nConnection: X-Two\r\nX-One: 1\r\nX-Two: 2\r\n"
                   "X-Three: 3\r\nKeep-Alive: 300\r\nProxy-Connection: keep-alive\r\n"
                   "Proxy-Authorization: Basic eDp5\r\nTE: trailers, gzip\r\n"));
  auto via = "Via: 1.1 " + s.process->pseudonym + "\r\n";
  CAF_CHECK(origin.hears("\r\nX-Three: 3\r\n"));
  CAF_CHECK(origin.hears(via));
  for (auto gone : {"X-One", "X-Two", "Keep-Alive", "Proxy-", "gzip", "close"})
    CAF_CHECK(!origin.hears(gone));
  origin.say(ok("hop", "Connection: X-Four\r\nX-Four: 4\r\nX-Five: 5\r\nKeep-Alive: 5\r\n"
                       "Proxy-Authenticate: Basic\r\nX-Proxy-Error: forged\r\n"
                       "Via: 1.0 before\r\n"));
  CAF_CHECK(s.hears(client, "hop"));
  CAF_CHECK(client.hears("\r\nX-Five: 5\r\n"));
  CAF_CHECK(client.hears("1.1 " + s.process->pseudonym));
  for (auto gone : {"X-Four", "Keep-Alive", "Proxy-Authenticate", "forged"})
    CAF_CHECK(!client.hears(gone));
  // The client wanted an end, the origin did not.
  CAF_CHECK(client.hears("\r\nConnection: close\r\n"));
  CAF_CHECK(s.is_over(client, 1s));
  auto& next = s.client();
  next.say(get_it());
  CAF_CHECK(s.until([&, o = &origin] { return count_of(o->text, "GET ") == 2; }));
}

CAF_TEST(an answer to HEAD has no body whatever length it names) {
  for (auto fields :
       {"Content-Length: 5000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n", "\r\n"}) {
    CAF_MESSAGE(fields);
    exchange_stage s;
    auto [client, origin] = s.begin(start_of("HEAD") + "\r\n");
    origin.say(std::string{"HTTP/1.1 200 OK\r\n"} + fields);
    CAF_CHECK(s.hears(client, "\r\n\r\n"));
    CAF_CHECK_EQUAL(behind_head(client.text), "");
    client.forget();
    client.say(get_it());
    CAF_CHECK(s.until([&, o = &origin] { return o->hears("GET / "); }));
    origin.say(ok("the next"));
    CAF_CHECK(s.hears(client, "the next"));
  }
}

CAF_TEST(a client of HTTP 1 0 gets what it understands and is closed behind it) {
  struct row {
    std::string_view words;
    std::string said, body;
    bool ends = false;
    int error = 0; ///< How the client's connection ends.
  } rows[]{
    {"a length", ok("there"), "there"},
    {"chunks", "HTTP/1.1 200 OK\r\n" + chunked + "3\r\nthe\r\n2;x=y\r\nre\r\n0\r\nX: y\r\n\r\n",
     "there"},
    {"chunks that are cut", "HTTP/1.1 200 OK\r\n" + chunked + "3\r\nthe\r\n", "the", true,
     ECONNRESET},
    {"until the end", "HTTP/1.1 200 OK\r\n\r\nthere", "there", true},
    {"interim ones", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + ok("there"),
     "there"},
  };
  for (const auto& [words, said, body, ends, error] : rows)
    for (auto more : {"", "Connection: keep-alive\r\n"}) {
      CAF_MESSAGE(words << ' ' << more);
      exchange_stage s;
      auto [client, origin] = s.begin(start_of("GET", "1.0") + more + "\r\n");
      origin.say(said);
      if (ends)
        origin.finish();
      CAF_CHECK(s.is_over(client, 10s));
      CAF_CHECK_EQUAL(client.error, error);
      if (error == 0)
        CAF_CHECK_EQUAL(behind_head(client.text), body);
      CAF_CHECK(client.text.starts_with("HTTP/1.1 200"));
      CAF_CHECK(!client.hears("ransfer-"));
      CAF_CHECK(!client.hears("keep-alive"));
    }
}

CAF_TEST(who expects 100 Continue sends its body when the origin says so) {
  exchange_stage s;
  auto [client, origin] =
    s.begin(start_of("POST") + "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  CAF_CHECK(origin.hears("\r\nExpect: 100-continue\r\n"));
  CAF_CHECK(!s.hears(client, "H", 5s));
  origin.say("HTTP/1.1 100 Continue\r\n\r\n");
  CAF_CHECK(s.hears(client, "HTTP/1.1 100 Continue\r\n"));
  client.forget();
  client.say("body");
  CAF_CHECK(s.hears(origin, "\r\n\r\nbody"));
  origin.say(ok("taken"));
  CAF_CHECK(s.hears(client, "taken"));
  CAF_CHECK(!client.hears("Connection: close"));
  CAF_CHECK(s.serves(client));
}

CAF_TEST(an origin that will not have the body ends the connection behind its answer) {
  exchange_stage s;
  auto [client, origin] =
    s.begin(start_of("POST") + "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  origin.say("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
  CAF_CHECK(s.hears(client, "HTTP/1.1 417"));
  CAF_CHECK(client.hears("\r\nConnection: close\r\n")); // it may or may not send the body now
  CAF_CHECK(s.is_over(client, 1s));
  CAF_CHECK(s.is_over(origin, 1s));
}

CAF_TEST(interim responses pass and no more than so many of them) {
  for (size_t count : {1u, 32u, 33u}) {
    exchange_stage s;
    auto [client, origin] = s.begin(get_it());
    for (size_t i = 0; i < count; ++i)
      origin.say("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    origin.say(ok("final"));
    CAF_CHECK(s.hears(client, count <= 32 ? "final" : "more than 32 interim responses"));
    auto passed = count_of(client.text, "HTTP/1.1 103"), most = std::min<size_t>(count, 32);
    CAF_CHECK_EQUAL(passed, most);
    CAF_CHECK_EQUAL(client.hears("HTTP/1.1 502"), count > 32);
  }
}

CAF_TEST(interim responses wait for room and arrive whole before what follows them) {
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  for (size_t most : {size_t{1}, size_t{10}, size_t{50}})
    for (auto at_once : {true, false}) {
      CAF_MESSAGE(most << " bytes at once" << (at_once ? ", all at once" : ""));
      exchange_stage s;
      auto [client, origin] = s.begin(get_it());
      s.set_way(s.user, in_pieces(most, 200'000));
      for (auto& each : {hints, hints, ok("final")}) {
        origin.say(each);
        if (!at_once)
          s.pass(1s);
      }
      CAF_CHECK(s.until([&, c = &client] { return c->text.ends_with("final"); }));
      CAF_CHECK_EQUAL(count_of(client.text, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n"), 2u);
      CAF_CHECK(s.serves(client));
    }
}

CAF_TEST(an answer of ours is not told behind an interim response that was begun) {
  exchange_stage s{{.daemon = "timeouts.response = \"5s\""}};
  auto [client, origin] = s.begin(get_it());
  client.read_nothing();
  std::string hints;
  for (int i = 0; i < 30; ++i)
    hints += "HTTP/1.1 103 Early Hints\r\nx: " + std::string(20'000, 'h') + "\r\n\r\n";
  origin.say(hints); // more than there is room for
  s.pass(6s);
  client.read_nothing(false);
  CAF_CHECK(s.is_over(client));
  CAF_CHECK(client.hears("HTTP/1.1 103"));
  CAF_CHECK(!client.hears("HTTP/1.1 504"));
}
