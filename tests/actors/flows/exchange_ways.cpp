#define CAF_SUITE actors.flows.exchange_ways
#include "actors/serve/client/client_io.hpp" // unit under test

#include "tests/actors/flows/exchange_stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

const std::string body(100'000, 'b');
const std::string answer(100'000, 'a');

} // namespace

CAF_TEST(a connection that breaks anywhere is never taken for the end of a message) {
  for (auto of_client : {true, false})
    for (uint64_t at : {0u, 20u, 20'000u, 99'000u, 200'000u})
      for (auto in_chunks : {false, true}) {
        CAF_MESSAGE((of_client ? "of the client after " : "of the origin after ")
                    << at << " bytes" << (in_chunks ? ", chunks" : ""));
        exchange_stage s;
        simulation::conditions how;
        how.reset_at = at;
        auto& broken = of_client ? s.user : s.at_origin.on;
        s.w.net().set_conditions(broken, s.here, how);
        auto& client = s.client();
        client.say(in_chunks ? start_of("POST") + "Transfer-Encoding: chunked\r\n\r\n186a0\r\n" +
                                 body + "\r\n0\r\n\r\n"
                             : post_it(body));
        auto in_head = at <= 20;
        auto is_whole = at == 200'000;
        party* origin = nullptr;
        // A client that is gone by the time its head is read has nothing dialled for it.
        if (!of_client || is_whole || s.is_called(s.at_origin, 1s))
          origin = &s.accept(s.at_origin);
        CAF_CHECK(!of_client || !in_head || !origin);
        auto request_came = origin && s.until(
                                        [&] {
                                          return has(behind_head(origin->text), body) &&
                                                 (!in_chunks || origin->hears("\r\n0\r\n"));
                                        },
                                        2s);
        CAF_CHECK_EQUAL(request_came, is_whole || !of_client);
        if (request_came)
          origin->say(ok(answer));
        auto is_answered = s.until([&] { return behind_head(client.text) == answer; }, 2s);
        CAF_CHECK_EQUAL(is_answered, is_whole);
        CAF_CHECK_EQUAL(client.text.starts_with("HTTP/1.1 502"), !of_client && in_head);
        if (!is_whole) {
          CAF_CHECK(s.is_over(client, 5s));
          client.close();
          CAF_CHECK(s.until([&] { return s.process->total_connections() == 0; }, 5s));
        }
        // What broke is nobody else's.
        s.w.net().set_conditions(broken, s.here, {});
        CAF_CHECK(s.serves(s.client()));
      }
}

CAF_TEST(whatever the ways are like each request is answered once and in order) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    CAF_MESSAGE("seed " << seed);
    exchange_stage s{{.seed = seed, .loops = 1 + seed % 2}};
    simulation::conditions how;
    how.delay = std::chrono::milliseconds{seed % 4 * 10};
    how.jitter = std::chrono::milliseconds{seed % 3 * 15};
    how.longest_read = 1 + seed * 37 % 500;
    how.longest_write = 1 + seed * 53 % 700;
    s.set_ways(how);
    auto& client = s.client();
    for (int i = 0; i < 12; ++i) {
      auto tag = "X-Tag: <" + std::to_string(i) + ">\r\n";
      client.say(i % 3 == 0   ? get_it(tag)
                 : i % 3 == 1 ? post_it(std::string(static_cast<size_t>(i) * 300, 'p'), tag)
                              : start_of("PUT") + tag +
                                  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    }
    auto& origin = s.accept(s.at_origin);
    for (int i = 0; i < 12; ++i) {
      auto tag = "<" + std::to_string(i) + ">";
      auto end = i % 3 == 0   ? std::string{"\r\n\r\n"}
                 : i % 3 == 1 ? "\r\n\r\n" + std::string(static_cast<size_t>(i) * 300, 'p')
                              : std::string{"abc\r\n0\r\n\r\n"};
      CAF_REQUIRE(s.until([&] { return origin.hears(tag) && origin.text.ends_with(end); }));
      if (i % 4 == 0)
        origin.say("HTTP/1.1 103 Early Hints\r\n\r\n");
      origin.say(i % 2 == 0 ? ok("answer" + tag)
                            : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nanswer" +
                                tag.substr(0, 3) + (i < 10 ? "\r\n0\r\n\r\n" : ""));
      if (i % 2 == 1 && i >= 10)
        origin.say("\r\n1\r\n>\r\n0\r\n\r\n");
      CAF_REQUIRE(s.hears(client, "answer<" + std::to_string(i)));
    }
    s.pass(1s); // what the last answer ends with
    CAF_CHECK_EQUAL(count_of(origin.text, "X-Tag: "), 12u);
    CAF_CHECK_EQUAL(count_of(client.text, "HTTP/1.1 200"), 12u);
    CAF_CHECK_EQUAL(count_of(client.text, "HTTP/1.1 103"), 3u);
    CAF_CHECK(s.serves(client));
    s.pass(1s);
    CAF_CHECK_EQUAL(s.decisions().size(), 13u);
  }
}

CAF_TEST(requests that are not for a tunnel go to an upstream proxy as they are) {
  struct row {
    std::string_view words;
    std::string said, heard;
  } rows[]{
    {"an answer", ok("there"), "HTTP/1.1 200 OK\r\n"},
    {"who asks for credentials",
     "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno",
     "HTTP/1.1 502"},
    {"who answers with 401",
     "HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 401"},
  };
  for (const auto& [words, said, heard] : rows) {
    CAF_MESSAGE(words);
    exchange_stage s{{.environment = {{"HTTP_PROXY", "http://me:secret@93.184.216.34:80"}}}};
    auto& client = s.client();
    client.say(get_it());
    auto& upstream = s.accept(s.at_origin);
    CAF_CHECK(s.hears(upstream, "GET http://goes.test/ HTTP/1.1\r\n"));
    CAF_CHECK(s.hears(upstream, "\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"));
    upstream.say(said);
    CAF_CHECK(s.hears(client, heard));
    CAF_CHECK(!client.hears("roxy-Authenticate")); // the client has nothing to show it
    CAF_CHECK(!client.hears("secret"));
    CAF_CHECK(s.serves(client));
  }
}
