#define CAF_SUITE actors.flows.exchange_limits
#include "actors/serve/exchange/body_meter.hpp" // unit under test

#include "tests/actors/flows/exchange_stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Timers tick, and what they begin takes a moment.
constexpr auto soon = 200ms;

/// Whether something comes to pass after a span, and not before.
bool comes_after(stage& s, std::chrono::nanoseconds span, const std::function<bool()>& what) {
  return !s.until(what, span - soon) && s.until(what, 2 * soon);
}

const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
const std::string no_rate = "limits.min_body_rate = 0";

/// Says a little every second, until it is not heard any more.
bool trickles_until(stage& s, party& who, const std::string& piece, std::chrono::seconds span,
                    const std::function<bool()>& what) {
  for (auto left = span; left > 0s; left -= 1s) {
    who.say(piece);
    if (s.until(what, 1s))
      return true;
  }
  return false;
}

} // namespace

CAF_TEST(a head that does not come is told so at its time and silence gets no answer) {
  struct row {
    std::string_view words;
    std::string said;
    bool after_another; ///< Request on the same connection.
    std::chrono::seconds wait;
    std::string answer; ///< "" for none.
  } rows[]{
    {"nothing", "", false, 30s, ""},
    {"a part of a head", "GET http", false, 30s, "timeouts.head = 30s"},
    {"nothing more", "", true, 75s, ""},
    {"a part of the next", "GET http", true, 30s, "timeouts.head = 30s"},
  };
  for (const auto& [words, said, after_another, wait, answer] : rows) {
    CAF_MESSAGE(words);
    exchange_stage s;
    auto& client = s.client();
    if (after_another) {
      CAF_REQUIRE(s.serves(client));
      client.forget();
      if (!said.empty())
        s.pass(70s); // what it has waited does not count
    }
    client.say(said);
    CAF_CHECK(comes_after(s, wait, [&, c = &client] { return c->is_over(); }));
    CAF_CHECK_EQUAL(client.text.empty(), answer.empty());
    CAF_CHECK_EQUAL(client.text.starts_with("HTTP/1.1 408"), !answer.empty());
    CAF_CHECK(client.hears(answer));
  }
}

CAF_TEST(a head that trickles has no more time than one that pauses) {
  exchange_stage s;
  auto& client = s.client();
  auto began = s.w.time().now();
  CAF_CHECK(trickles_until(s, client, "G", 40s, [&] { return client.hears("HTTP/1.1 408"); }));
  CAF_CHECK(s.w.time().now() - began >= 29s && s.w.time().now() - began <= 31s);
}

CAF_TEST(an answer that does not come is 504 at its time and interim ones buy more) {
  for (auto interim : {0, 3}) {
    exchange_stage s{{.daemon = "timeouts.response = \"20s\""}};
    auto [client, origin] = s.begin(post_it("all of it"));
    for (int i = 0; i < interim; ++i) {
      s.pass(19s);
      origin.say("HTTP/1.1 102 Processing\r\n\r\n");
      s.pass(10ms);
    }
    CAF_CHECK(comes_after(s, 20s, [c = &client] { return c->hears("HTTP/1.1 504"); }));
    CAF_CHECK(client.hears("timeouts.response = 20s"));
    CAF_CHECK_EQUAL(count_of(client.text, "HTTP/1.1 102"), static_cast<size_t>(interim));
    CAF_CHECK(s.is_over(origin, 1s));
    CAF_CHECK(s.is_over(client, 5s)); // its body is gone: nothing of it can be told from a request
    auto last = s.decided();
    CAF_CHECK_EQUAL(last, "fault http goes.test:80 http_response_timeout");
  }
}

CAF_TEST(who is silent within a body is cut at its time and told whose fault it is) {
  struct row {
    std::string_view words;
    std::string request, said; ///< Up to the pause.
    std::string answer;        ///< What the client hears of it; "": it is too late for an answer.
    int error = 0;             ///< How its connection ends.
  } rows[]{
    {"the client in a length", start_of("PUT") + "Content-Length: 9\r\n\r\nhalf", "",
     "408 Request Timeout"},
    {"the client in a chunk", start_of("PUT") + chunked + "9\r\nhalf", "", "408 Request Timeout"},
    {"an origin that was asked for 100",
     start_of("PUT") + "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n", "",
     "504 Gateway Timeout"},
    {"the origin in a length", get_it(), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", ""},
    {"the origin in a chunk", get_it(), "HTTP/1.1 200 OK\r\n" + chunked + "9\r\nhalf", ""},
    {"the origin in a body without an end", get_it(), "HTTP/1.1 200 OK\r\n\r\nhalf", "",
     ECONNRESET},
  };
  for (const auto& [words, request, said, answer, error] : rows) {
    CAF_MESSAGE(words);
    exchange_stage s{{.daemon = no_rate + "\ntimeouts.idle = \"2m\"\ntimeouts.response = \"5s\""}};
    auto [client, origin] = s.begin(request);
    origin.say(said);
    if (!said.empty())
      CAF_REQUIRE(s.hears(client, "half"));
    CAF_CHECK(comes_after(s, 2min, [c = &client, &answer] {
      return answer.empty() ? c->is_over() : c->hears(answer);
    }));
    CAF_CHECK_EQUAL(client.error, error);
    if (!answer.empty())
      CAF_CHECK(client.hears("timeouts.idle = 2m"));
    CAF_CHECK(s.is_over(origin, 1s));
  }
}

CAF_TEST(a body that trickles is cut after one look and not before) {
  struct row {
    std::string_view words;
    std::string request, said; ///< Before.
    std::string piece;
    bool of_origin;
    std::string answer; ///< "": the connection is reset.
  } rows[]{
    {"to the origin", start_of("PUT") + "Content-Length: 1000000\r\n\r\n", "", "x", false, "408"},
    {"to the origin in chunks", start_of("PUT") + chunked, "", "1\r\nx\r\n", false, "408"},
    {"to the client", get_it(), "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "x", true,
     ""},
    {"to the client in chunks", get_it(), "HTTP/1.1 200 OK\r\n" + chunked, "1\r\nx\r\n", true, ""},
    {"to the client without an end", get_it(), "HTTP/1.1 200 OK\r\n\r\n", "x", true, ""},
  };
  for (const auto& [words, request, said, piece, of_origin, answer] : rows) {
    CAF_MESSAGE(words);
    exchange_stage s;
    auto [client, origin] = s.begin(request);
    origin.say(said);
    auto is_cut = [c = &client, &answer] {
      return answer.empty() ? c->is_over() : c->hears("HTTP/1.1 " + answer);
    };
    auto& who = of_origin ? origin : client;
    CAF_CHECK(!trickles_until(s, who, piece, 58s, is_cut));
    CAF_CHECK(trickles_until(s, who, piece, 62s, is_cut));
    CAF_CHECK_EQUAL(client.error, answer.empty() ? ECONNRESET : 0);
    if (!answer.empty())
      CAF_CHECK(client.hears("limits.min_body_rate = 100 over timeouts.slow_body = 1m"));
    CAF_CHECK(s.is_over(origin, 1s));
  }
}

CAF_TEST(a body that keeps up is not cut however long it takes) {
  exchange_stage s;
  auto [client, origin] = s.begin(start_of("PUT") + "Content-Length: 100000\r\n\r\n");
  auto is_over = [c = &client, o = &origin] { return c->is_over() || o->is_over(); };
  CAF_CHECK(!trickles_until(s, client, std::string(200, 'x'), 500s, is_over));
  origin.say("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
  CAF_CHECK(!trickles_until(s, origin, std::string(200, 'x'), 500s, is_over));
  CAF_CHECK_EQUAL(behind_head(client.text).size(), 100'000u);
  CAF_CHECK(s.serves(client));
}

CAF_TEST(who takes nothing is cut as one who sends nothing) {
  for (auto upload : {true, false}) {
    exchange_stage s;
    auto [client, origin] =
      s.begin(upload ? start_of("PUT") + "Content-Length: 3000000\r\n\r\n" : get_it());
    auto& deaf = upload ? origin : client;
    deaf.read_nothing();
    if (upload)
      client.say(std::string(3'000'000, 'x'));
    else
      origin.say(ok(std::string(3'000'000, 'x')));
    auto is_cut = [c = &client, o = &origin, upload] {
      return upload ? c->hears("HTTP/1.1 504") : o->is_over();
    };
    CAF_CHECK(!s.until(is_cut, 58s));
    CAF_CHECK(s.until(is_cut, 64s));
    if (upload)
      CAF_CHECK(client.hears("the upstream takes the request body too slowly"));
    deaf.read_nothing(false);
    CAF_CHECK(s.is_over(deaf, 1s));
    CAF_CHECK_EQUAL(deaf.error, upload ? 0 : ECONNRESET);
    CAF_CHECK(behind_head(deaf.text).size() < 3'000'000u);
  }
}

CAF_TEST(who waits for the other side or has nothing to say is not slow) {
  struct row {
    std::string_view words;
    std::string request, said;
    std::string more, then; ///< After a long time: what the client says, and the origin.
  } rows[]{
    {"a request without a body", get_it(), "", "", ok("at last")},
    {"a body that has all gone", post_it("body"), "", "", ok("at last")},
    {"100 is waited for", start_of("PUT") + "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n", "",
     "body", ok("at last")},
    {"events", get_it(),
     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 7\r\n\r\n", "",
     "at last"},
    {"a call that streams",
     start_of("POST") + "content-type : application/grpc\r\nContent-Length: 4\r\n\r\n", "", "body",
     ok("at last")},
  };
  for (auto [words, request, said, more, then] : rows) {
    CAF_MESSAGE(words);
    if (auto at = request.find(" : "); at != std::string::npos)
      request.erase(at, 1);
    exchange_stage s;
    auto [client, origin] = s.begin(request);
    origin.say(said);
    s.pass(9min);
    CAF_CHECK(!client.is_over());
    client.say(more);
    CAF_CHECK(s.hears(origin, more));
    origin.say(then);
    CAF_CHECK(s.hears(client, "at last"));
  }
}

CAF_TEST(a client that does not take our own answers is let go of) {
  for (auto rated : {true, false}) {
    exchange_stage s{{.daemon = rated ? "" : no_rate + "\ntimeouts.idle = \"3m\""}};
    auto& client = s.client();
    client.read_nothing();
    for (int i = 0; i < 1000; ++i)
      client.say(get("http://other.test/"));
    auto is_cut = [&] { return s.process->total_connections() == 0; };
    s.pass(1ms);
    CAF_CHECK(comes_after(s, rated ? 60s : 180s, is_cut));
    client.read_nothing(false);
    CAF_CHECK(s.is_over(client, 1s));
    CAF_CHECK_EQUAL(client.error, ECONNRESET);
    CAF_CHECK(count_of(client.text, "HTTP/1.1 403") < 1000u);
  }
}

CAF_TEST(a client that leaves or goes on reading while it is sent our answers) {
  for (auto leaves : {true, false}) {
    exchange_stage s;
    auto& client = s.client();
    client.read_nothing();
    for (int i = 0; i < 1000; ++i)
      client.say(get("http://other.test/"));
    s.pass(30s);
    if (leaves)
      client.reset();
    else
      client.read_nothing(false);
    CAF_CHECK_EQUAL(s.until([&] { return s.process->total_connections() == 0; }, 1s), leaves);
    if (!leaves)
      CAF_CHECK(s.until([&] { return count_of(client.text, "HTTP/1.1 403") == 1000; }));
  }
}

CAF_TEST(a connection that we end is over after two seconds whatever the client does) {
  struct row {
    std::string_view words;
    bool says_more, leaves;
    std::chrono::milliseconds wait;
  } rows[]{
    {"silent", false, false, 2s}, {"talking on", true, false, 2s}, {"gone", false, true, 0s}};
  for (const auto& [words, says_more, leaves, wait] : rows) {
    CAF_MESSAGE(words);
    exchange_stage s;
    auto& client = s.client();
    client.say("no request\r\n\r\n");
    CAF_REQUIRE(s.hears(client, "HTTP/1.1 400"));
    auto is_gone = [&] { return s.process->total_connections() == 0; };
    if (says_more)
      for (auto i = 0; i < 17; ++i) {
        client.say(std::string(10'000, 'x'));
        CAF_CHECK(!s.until(is_gone, 100ms));
      }
    if (leaves)
      client.close();
    CAF_CHECK_EQUAL(s.until(is_gone, 200ms), leaves);
    CAF_CHECK(s.until(is_gone, wait));
    CAF_CHECK_EQUAL(client.error, 0);
  }
}
