#define CAF_SUITE actors.flows.exchange_faults
#include "actors/serve/exchange/transfer.hpp" // unit under test

#include "tests/actors/flows/exchange_stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

using namespace std::string_literals;

const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
const std::string ok_chunked = "HTTP/1.1 200 OK\r\n" + chunked;

/// What a client that sends this once gets, until its connection is over.
party& tell(exchange_stage& s, const std::string& bytes) {
  auto& client = s.client();
  client.say(bytes);
  client.finish();
  CAF_CHECK(s.is_over(client, 10s));
  return client;
}

} // namespace

CAF_TEST(a request that could be read in two ways is refused and reaches nobody) {
  exchange_stage s;
  for (const auto& rest : {
         "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
         "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"s,
         "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"s,
         "Content-Length: 5, 6\r\n\r\nhello!"s,
         "Content-Length: +5\r\n\r\nhello"s,
         "Content-Length: -5\r\n\r\nhello"s,
         "Content-Length: 0x5\r\n\r\nhello"s,
         "Content-Length: 99999999999999999999999\r\n\r\nhello"s,
         "Content-Length: \r\n\r\nhello"s,
         "Transfer-Encoding: gzip\r\n\r\nhello"s,
         "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"s,
         "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"s,
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
         "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"s,
         "Content-Length : 5\r\n\r\nhello"s,
         "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"s,
         "X-A: b\r\n c\r\n\r\n"s,
         " X-A: b\r\n\r\n"s,
         "X-A: b\nX-B: c\r\n\r\n"s,
         "X-A: b\rX-B: c\r\n\r\n"s,
         "X-A: b\0c\r\n\r\n"s,
         "X-A\r\n\r\n"s,
         ": b\r\n\r\n"s,
         "X A: b\r\n\r\n"s,
         "Host: other.test\r\n\r\n"s,
       }) {
    CAF_MESSAGE(rest);
    auto& client = tell(s, start_of("POST") + rest + get_it());
    CAF_CHECK(client.text.starts_with("HTTP/1.1 400 "));
    CAF_CHECK(client.hears("\r\nconnection: close\r\n"));
    CAF_CHECK_EQUAL(count_of(client.text, "HTTP/1.1 "), 1u); // nor is what follows a request
  }
  CAF_CHECK(!s.is_called(s.at_origin, 1s));
  for (const auto& each : s.decisions())
    CAF_CHECK(each.ends_with(" malformed"));
}

CAF_TEST(what is no request that a proxy can take is told why) {
  exchange_stage s;
  struct row {
    std::string head, answer;
  } rows[]{
    {"GET HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
    {"GET http://goes.test/\r\n\r\n", "400"},
    {"GET http://goes.test/ HTTP/3.0\r\nHost: goes.test\r\n\r\n", "400"},
    {"GET  http://goes.test/ HTTP/1.1\r\nHost: goes.test\r\n\r\n", "400"},
    {"\x16\x03\x01\x02\x01\x01\x01\x01\xfc\x03\x03\r\n\r\n", "400"},
    {"GET ftp://goes.test/ HTTP/1.1\r\nHost: goes.test\r\n\r\n", "400"},
    {"GET http://user:pass@goes.test/ HTTP/1.1\r\nHost: goes.test\r\n\r\n", "400"},
    {"GET http://goes.test/\x01 HTTP/1.1\r\nHost: goes.test\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n\r\n", "400"},
    {"GET http://goes.test:99999/ HTTP/1.1\r\nHost: goes.test:99999\r\n\r\n", "400"},
    {"GET http://goes.test/ HTTP/1.1\r\nHost: goes.test:81\r\n\r\n", "400"},
    {"GET http://goes.test/ HTTP/1.1\r\nHost: \r\n\r\n", "400"},
    {"CONNECT goes.test HTTP/1.1\r\nHost: goes.test\r\n\r\n", "400"},
    {"CONNECT goes.test:0 HTTP/1.1\r\nHost: goes.test:0\r\n\r\n", "400"},
    {std::string(65, 'X') + " http://goes.test/ HTTP/1.1\r\nHost: goes.test\r\n\r\n", "501"},
    {"GET http://goes.test/ HTTP/1.1\r\nHost: goes.test\r\nx-unix-socket: /tmp/s\r\n\r\n", "501"},
  };
  for (const auto& [head, answer] : rows) {
    CAF_MESSAGE(head);
    CAF_CHECK(tell(s, head).text.starts_with("HTTP/1.1 " + answer));
  }
  CAF_CHECK(!s.is_called(s.at_origin, 1s));
  // Methods that nobody knows are the origin's to refuse.
  auto [client, origin] = s.begin(start_of(std::string(64, 'X')) + "\r\n");
  origin.say("HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n");
  CAF_CHECK(s.hears(client, "HTTP/1.1 501"));
}

CAF_TEST(a chunk that is none is refused wherever it stands) {
  struct row {
    std::string_view words;
    std::string body;
    bool untouched; ///< The origin hears nothing.
  } rows[]{
    {"a blank behind a size", "5 \r\nhello\r\n0\r\n\r\n", true},
    {"a size with many zeros", "00000000000000000000005\r\nhello\r\n0\r\n\r\n", true},
    {"a size that is none", "zz\r\nhello\r\n0\r\n\r\n", true},
    {"a sign", "+5\r\nhello\r\n0\r\n\r\n", true},
    {"a size beyond 64 bits", "10000000000000005\r\nhello\r\n0\r\n\r\n", true},
    {"a bare line feed", "5\nhello\r\n0\r\n\r\n", true},
    {"a chunk longer than its size", "3\r\nhello\r\n0\r\n\r\n", false},
    {"a trailer that frames", "5\r\nhello\r\n0\r\nContent-Length: 7\r\n\r\n", false},
    {"a trailer that is none", "5\r\nhello\r\n0\r\nno colon\r\n\r\n", false},
  };
  for (const auto& [words, body, untouched] : rows)
    for (auto later : {false, true}) {
      CAF_MESSAGE(words << (later ? ", later" : ", with the head"));
      exchange_stage s;
      auto& client = s.client();
      client.say(start_of("POST") + chunked + (later ? "" : body));
      if (later || !untouched) {
        auto& origin = s.accept(s.at_origin);
        if (later) {
          CAF_REQUIRE(s.hears(origin, "\r\n\r\n"));
          client.say(body);
        }
        CAF_CHECK(s.is_over(origin, 1s));
        CAF_CHECK(!has(origin.text, "\r\n0\r\n")); // never whole
      }
      CAF_CHECK(s.hears(client, "HTTP/1.1 400"));
      CAF_CHECK(s.is_over(client, 5s));
    }
}

CAF_TEST(a response that is none is 502 and never passed off as one) {
  struct row {
    std::string_view words;
    std::string said;
    std::string cause;
  } rows[]{
    {"not HTTP", "hello\r\n\r\n", ""},
    {"length and chunked", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + chunked + "0\r\n\r\n", ""},
    {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", ""},
    {"a space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", ""},
    {"a bare line feed", "HTTP/1.1 200 OK\r\nX: a\nContent-Length: 5\r\n\r\nhello", ""},
    {"a fold", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", ""},
    {"an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: cow\r\n\r\nhello", ""},
    {"a status that is none", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", ""},
    {"a bad first chunk", ok_chunked + "zz\r\nhello\r\n", ""},
    {"a switch that nobody asked for",
     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
     "101 to a protocol that was not offered"},
    {"nothing", "", "closed without a response"},
    {"half a head", "HTTP/1.1 200 OK\r\nContent-", "closed within the response head"},
    {"an interim one alone", "HTTP/1.1 103 Early Hints\r\n\r\n", "closed within the response head"},
  };
  for (const auto& [words, said, cause] : rows)
    for (size_t most : {size_t{1}, size_t{100'000}}) {
      CAF_MESSAGE(words << ", " << most << " bytes at once");
      exchange_stage s;
      s.set_way(s.at_origin.on, in_pieces(most));
      auto [client, origin] = s.begin(get_it());
      origin.say(said);
      origin.finish();
      auto broken_body = words == "a bad first chunk" && most == 1; // its head has gone by then
      if (broken_body) {
        CAF_CHECK(s.is_over(client, 10s));
        CAF_CHECK(!client.hears("\r\n0\r\n"));
        continue;
      }
      CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
      CAF_CHECK(s.hears(client, cause));
      CAF_CHECK(client.hears("proxy-status: codex-network-proxy; error=http_protocol_error"));
      CAF_CHECK(!client.hears("x-proxy-error")); // no policy has refused anything
      CAF_CHECK(s.serves(client));               // it is no fault of the client's
      s.pass(1ms);
      auto all = s.decisions();
      CAF_CHECK(all == (std::vector<std::string>{
                         "allow http goes.test:80 allow",
                         "fault http goes.test:80 http_protocol_error",
                         "deny http other.test:80 not_allowed",
                       }));
    }
}

CAF_TEST(what servers say oddly and clearly passes) {
  for (const auto& said : {
         ok_chunked + "5  \r\nhello\r\n0\r\n\r\n",
         ok_chunked + "5 ; a = \"b;c\"\r\nhello\r\n0\r\n\r\n",
         ok_chunked + "00000000000000000000005\r\nhello\r\n00000000000000000000   \r\n\r\n",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: , chunked,\r\n\r\n5\r\nhello\r\n0\r\n\r\n"s,
         "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello"s,
         ok_chunked + "5\r\nhello\r\n0\r\nContent-Length: 7\r\nHost: evil.test\r\n\r\n",
       }) {
    CAF_MESSAGE(said);
    exchange_stage s;
    auto [client, origin] = s.begin(get_it());
    origin.say(said);
    CAF_CHECK(s.hears(client, "hello"));
    CAF_CHECK(s.serves(client));
    CAF_CHECK(!client.hears("evil.test"));
  }
}

CAF_TEST(a response that is cut short looks it) {
  struct row {
    std::string_view words;
    std::string said;
    bool by_reset = false; ///< Of the origin.
    int error = 0;         ///< How the client's connection ends.
  } rows[]{
    {"a length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"},
    {"a length, by a reset", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", true},
    {"chunks", ok_chunked + "5\r\nshort\r\n"},
    {"a bad chunk", ok_chunked + "5\r\nshort\r\nzz\r\n\r\n"},
    // Its proper end would be the same as a cut, were that not passed on.
    {"until the end, by a reset", "HTTP/1.1 200 OK\r\n\r\nshort", true, ECONNRESET},
  };
  for (const auto& [words, said, by_reset, error] : rows) {
    CAF_MESSAGE(words);
    exchange_stage s;
    auto [client, origin] = s.begin(get_it());
    auto head = said.find("\r\n\r\n") + 4;
    origin.say(said.substr(0, head));
    CAF_REQUIRE(s.hears(client, "\r\n\r\n"));
    origin.say(said.substr(head));
    if (by_reset) {
      CAF_REQUIRE(s.hears(client, "short"));
      origin.reset();
    } else {
      origin.finish();
    }
    CAF_CHECK(s.is_over(client, 10s));
    CAF_CHECK_EQUAL(client.error, error);
    CAF_CHECK(!has(client.text, "\r\n0\r\n"));
    CAF_CHECK(!has(client.text, "502")); // it is too late for that
    auto last = s.decided();
    CAF_CHECK_EQUAL(last, "allow http goes.test:80 allow");
  }
}

CAF_TEST(an answer that comes before the body is all sent counts and ends the connection) {
  struct row {
    std::string_view words;
    bool resets, closes;
  } rows[]{
    {"and reads on", false, false}, {"and closes", false, true}, {"and resets", true, false}};
  for (const auto& [words, resets, closes] : rows) {
    CAF_MESSAGE("the origin answers " << words);
    exchange_stage s;
    auto [client, origin] = s.begin(start_of("PUT") + "Content-Length: 5000000\r\n\r\nbegun");
    origin.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nstop");
    if (closes || resets)
      s.pass(1ms); // so that it is there before the end
    if (closes)
      origin.close();
    if (resets)
      origin.reset();
    client.say(std::string(100'000, 'x'));
    CAF_CHECK(s.hears(client, "\r\n\r\nstop"));
    CAF_CHECK(client.text.starts_with("HTTP/1.1 413"));
    CAF_CHECK(client.hears("\r\nConnection: close\r\n"));
    // What it goes on sending does not reset the answer away.
    CAF_CHECK(s.is_over(client, 100ms));
    CAF_CHECK_EQUAL(client.error, 0);
  }
}

CAF_TEST(a client that leaves takes its request along and one that has only said all does not ) {
  struct row {
    std::string_view words;
    std::string request;
    bool resets, goes_on;
  } rows[]{
    {"a reset while the answer is awaited", get_it(), true, false},
    {"a half-close", get_it(), false, true},
    {"a reset within its body", start_of("PUT") + "Content-Length: 9\r\n\r\nhalf", true, false},
    {"an end within its body", start_of("PUT") + "Content-Length: 9\r\n\r\nhalf", false, false},
    {"an end within a chunk", start_of("PUT") + chunked + "9\r\nhalf", false, false},
  };
  for (const auto& [words, request, resets, goes_on] : rows) {
    CAF_MESSAGE(words);
    exchange_stage s;
    auto [client, origin] = s.begin(request);
    if (resets)
      client.reset();
    else
      client.finish();
    CAF_CHECK_EQUAL(s.is_over(origin, 1s), !goes_on);
    if (goes_on) {
      origin.say(ok("answer"));
      CAF_CHECK(s.hears(client, "answer"));
      CAF_CHECK(s.is_over(client, 1s));
    }
  }
}

CAF_TEST(a client that leaves within the response ends it at the origin) {
  exchange_stage s;
  auto [client, origin] = s.begin(get_it());
  origin.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegun");
  CAF_REQUIRE(s.hears(client, "begun"));
  client.reset();
  origin.say(std::string(100'000, 'x'));
  CAF_CHECK(s.is_over(origin, 1s));
}
