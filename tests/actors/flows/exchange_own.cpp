#define CAF_SUITE actors.flows.exchange_own
#include "actors/serve/answer/answers.hpp" // unit under test, as clients meet it

#include "tests/actors/flows/exchange_stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

const std::string browser = "Accept: text/html,*/*;q=0.8\r\n";

std::string refused(const std::string& more) { return get("http://other.test/", more); }

const std::string users = "socks_users = { alice = \"env:ALICE\" }";

stage_settings with_users() { return {.daemon = users, .environment = {{"ALICE", "s3cret"}}}; }

std::string shows(const std::string& basic) {
  return get_it("Proxy-Authorization: Basic " + basic + "\r\n");
}
const std::string right = "YWxpY2U6czNjcmV0", wrong = "YWxpY2U6Z3Vlc3M=";

} // namespace

CAF_TEST(each client gets our answer in the form that it can read) {
  struct row {
    std::string_view words;
    std::string more;
    std::string type, refusal, fault; ///< What is read of a refusal, and of a fault.
    std::string status = "";          ///< "": their own.
  } rows[]{
    {"a program", "", "", "\"reason\":\"not_allowed\"", "dns_error: "},
    {"any type", "Accept: */*\r\n", "", "\"reason\":\"not_allowed\"", "dns_error: "},
    {"a browser", browser, "text/html; charset=utf-8", "<dd>not_allowed</dd>",
     "<h1>502 Bad Gateway</h1>"},
    {"who prefers JSON", "Accept: text/html;q=0.5, application/json\r\n", "",
     "\"reason\":\"not_allowed\"", "dns_error: "},
    {"git", "User-Agent: git/2.39\r\n", "text/plain", "\nhost=other.test reason=not_allowed",
     "dns_error: "},
    {"gRPC", "Content-Type: application/grpc+proto\r\n", "application/grpc",
     "\r\ngrpc-status: 7\r\ngrpc-message: Blocked by policy: not_allowed other.test",
     "\r\ngrpc-status: 14\r\ngrpc-message: dns_error: ", "200"},
  };
  exchange_stage s{{.network = R"(allowed_domains = ["goes.test", "gone.test"])"}};
  for (const auto& [words, more, type, refusal, fault, status] : rows)
    for (auto faulty : {false, true}) {
      CAF_MESSAGE(words << (faulty ? ", a fault" : ", a refusal"));
      auto& client = s.client();
      client.say(faulty ? get("http://gone.test/", more) : refused(more));
      CAF_CHECK(s.hears(client, faulty ? fault : refusal));
      auto own = std::string{faulty ? "502" : "403"};
      CAF_CHECK(client.text.starts_with("HTTP/1.1 " + (status.empty() ? own : status)));
      if (!type.empty())
        CAF_CHECK(client.hears("\r\ncontent-type: " + type + "\r\n"));
      CAF_CHECK(client.hears("proxy-status: codex-network-proxy; error="));
      CAF_CHECK_EQUAL(client.hears("\r\nx-proxy-error: blocked-by-allowlist\r\n"), !faulty);
      s.pass(1ms);
      auto id = std::string{s.events.back()->request_id.text()};
      CAF_CHECK(client.hears("\r\nx-request-id: " + id + "\r\n"));
      CAF_CHECK(s.serves(client));
    }
}

CAF_TEST(our answer to HEAD tells the length of a body that does not follow) {
  exchange_stage s;
  for (const auto& more : {std::string{}, browser}) {
    auto& client = s.client();
    client.say("HEAD http://other.test/ HTTP/1.1\r\nHost: other.test\r\n" + more + "\r\n");
    CAF_CHECK(s.hears(client, "\r\n\r\n"));
    CAF_CHECK(client.text.starts_with("HTTP/1.1 403"));
    CAF_CHECK(!client.hears("content-length: 0\r\n"));
    CAF_CHECK_EQUAL(behind_head(client.text), "");
    CAF_CHECK(s.serves(client));
  }
}

CAF_TEST(what a client asks for is never a part of a page) {
  exchange_stage s;
  auto& client = s.client();
  client.say("GET http://other.test/<script>?a=\"'&b HTTP/1.1\r\nHost: other.test\r\n" + browser +
             "\r\n");
  CAF_CHECK(s.hears(client, "</html>"));
  CAF_CHECK(!client.hears("<script"));
  CAF_CHECK(client.hears("&quot;other.test&quot;")); // what to change
  CAF_CHECK(client.hears("\r\ncontent-security-policy: default-src 'none'\r\n"));
}

CAF_TEST(the body of a refused request is no request and large ones are not waited for) {
  const std::string inner = get("http://goes.test/smuggled");
  auto head = "POST http://other.test/ HTTP/1.1\r\nHost: other.test\r\n";
  auto length = "Content-Length: " + std::to_string(inner.size()) + "\r\n";
  struct row {
    std::string_view words;
    std::string said;
    bool goes_on = false;
  } rows[]{
    {"a small one", head + length + "\r\n" + inner, true},
    {"one that 100 was asked for", head + length + "Expect: 100-continue\r\n\r\n" + inner},
    {"a large one", head + std::string{"Content-Length: 65537\r\n\r\n"} + inner},
    {"one in chunks",
     head + std::string{"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"} + inner},
  };
  for (const auto& [words, said, goes_on] : rows)
    for (size_t most : {size_t{1}, size_t{100'000}}) {
      CAF_MESSAGE(words << ", " << most << " bytes at once");
      exchange_stage s;
      s.set_way(s.user, in_pieces(most));
      auto& client = s.client();
      client.say(said);
      CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
      CAF_CHECK(s.hears(client, "}\n"));
      CAF_CHECK_EQUAL(client.hears("\r\nconnection: close\r\n"), !goes_on);
      if (goes_on)
        CAF_CHECK(s.serves(client));
      else
        CAF_CHECK(s.is_over(client, 5s));
      CAF_CHECK_EQUAL(count_of(client.text, "HTTP/1.1 "), 1u);
      CAF_CHECK(!s.is_called(s.at_origin, 1s));
    }
}

CAF_TEST(the rest of a refused body has the time of a head) {
  for (auto leaves : {false, true}) {
    exchange_stage s;
    auto& client = s.client();
    client.say("POST http://other.test/ HTTP/1.1\r\nHost: other.test\r\nContent-Length: 9\r\n\r\n"
               "half");
    CAF_REQUIRE(s.hears(client, "HTTP/1.1 403"));
    if (leaves)
      client.finish();
    CAF_CHECK_EQUAL(s.is_over(client, 29s), leaves);
    CAF_CHECK(s.is_over(client, 2s));
    CAF_CHECK_EQUAL(count_of(client.text, "HTTP/1.1 "), 1u);
  }
}

CAF_TEST(with Max Forwards 0 the answer is ours and whatever body there is is no request) {
  struct row {
    std::string method, field;
    bool ours;
    std::string passed_on{};
  } rows[]{
    {"OPTIONS", "0", true},         {"TRACE", "0", true},         {"OPTIONS", "000", true},
    {"GET", "0", false, "0"},       {"OPTIONS", "5", false, "4"}, {"TRACE", "1", false, "0"},
    {"OPTIONS", "x0", false, "x0"},
  };
  for (const auto& [method, field, ours, passed_on] : rows) {
    CAF_MESSAGE(method << ' ' << field);
    exchange_stage s;
    auto& client = s.client();
    client.say(start_of(method) + "Cookie: secret\r\nMax-Forwards: " + field + "\r\n\r\n");
    if (!ours) {
      auto& origin = s.accept(s.at_origin);
      CAF_CHECK(s.hears(origin, "\r\nMax-Forwards: " + passed_on + "\r\n"));
      continue;
    }
    CAF_CHECK(s.hears(client, "\r\n\r\n"));
    CAF_CHECK(client.text.starts_with("HTTP/1.1 200 OK\r\n"));
    auto body = behind_head(client.text);
    CAF_CHECK_EQUAL(body, method == "TRACE" ? "TRACE http://goes.test/ HTTP/1.1\r\n" : "");
    CAF_CHECK(s.serves(client));
    client.forget();
    auto inner = get_it();
    client.say(start_of(method) + "Max-Forwards: 0\r\nContent-Length: " +
               std::to_string(inner.size()) + "\r\nConnection: close\r\n\r\n" + inner);
    CAF_CHECK(s.is_over(client, 5s));
    CAF_CHECK_EQUAL(count_of(client.text, "HTTP/1.1 2"), 1u);
    CAF_CHECK(!s.is_called(s.at_origin, 1s));
    CAF_CHECK_EQUAL(s.decisions().size(), 3u); // what is answered here was let through all the same
  }
}

CAF_TEST(a request that has come round is 508 and its connection ends where it is our own) {
  struct row {
    std::string_view words;
    bool named, dialled, later; ///< `later`: behind another request.
    bool is_loop, goes_on;
  } rows[]{
    {"Via names us", true, false, false, true, false},
    {"Via names us, in a later request", true, false, true, true, true},
    {"we have made the connection", false, true, false, true, false},
    {"we have made another connection", false, false, false, false, true},
  };
  for (const auto& [words, named, dialled, later, is_loop, goes_on] : rows) {
    CAF_MESSAGE(words);
    exchange_stage s;
    auto& client = s.client();
    s.pass(1ms);
    auto from = client.own_address();
    auto port = static_cast<uint16_t>(from.port() + (dialled ? 0 : 1));
    auto known = s.process->dialled.add(ends_of(*from.ip(), port, ip("192.0.2.1"), 3128));
    if (later)
      CAF_REQUIRE(s.serves(client));
    client.forget();
    auto via = "Via: 1.0 other, 1.1 " + s.process->pseudonym + " (x)\r\n";
    client.say(get("http://other.test/", named ? via : ""));
    CAF_CHECK(s.hears(client, is_loop ? "HTTP/1.1 508 Loop Detected" : "HTTP/1.1 403"));
    CAF_CHECK_EQUAL(s.is_over(client, 1s), !goes_on);
    auto last = s.decided();
    CAF_CHECK_EQUAL(last.ends_with(" loop_detected"), is_loop);
    if (goes_on)
      CAF_CHECK(s.serves(client));
  }
}

CAF_TEST(who has to say who it is is asked and a wrong word is answered late) {
  exchange_stage s{with_users()};
  auto& client = s.client();
  client.say(get_it());
  CAF_CHECK(s.hears(client, "HTTP/1.1 407 Proxy Authentication Required\r\n", 100ms));
  CAF_CHECK(client.hears("\r\nproxy-authenticate: Basic realm=\"codex-network-proxy\""));
  client.forget();
  client.say(shows(wrong));
  CAF_CHECK(!s.hears(client, "HTTP", 450ms));
  CAF_CHECK(s.hears(client, "HTTP/1.1 407", 150ms));
  client.forget();
  auto& origin = s.reach(client, shows(right));
  CAF_CHECK(!origin.hears("Proxy-Authorization"));
  origin.say(ok("hers"));
  CAF_CHECK(s.hears(client, "hers"));
  client.forget();
  client.say(get_it()); // nobody is taken for who asked before
  CAF_CHECK(s.hears(client, "HTTP/1.1 407"));
  s.pass(1ms);
  CAF_CHECK(s.decisions() == (std::vector<std::string>{
                               "deny http goes.test:80 client_required",
                               "deny http goes.test:80 client_required",
                               "allow http goes.test:80 allow",
                               "deny http goes.test:80 client_required",
                             }));
}

CAF_TEST(an answer that is held back does not hold up a client that leaves or a drain) {
  for (auto leaves : {true, false}) {
    exchange_stage s{with_users()};
    auto& client = s.client();
    client.say(shows(wrong));
    s.pass(100ms);
    if (leaves)
      client.reset();
    else
      (void)s.drain();
    CAF_CHECK(
      s.until([&] { return s.process->total_connections() == 0 || client.is_over(); }, 100ms));
    if (!leaves) {
      CAF_CHECK(client.hears("HTTP/1.1 407"));
      CAF_CHECK(client.hears("\r\nconnection: close\r\n"));
    }
  }
}

CAF_TEST(a browser that is pointed at us is told what this is and of nothing else) {
  struct row {
    std::string_view words;
    std::string host, more;
    bool is_told;
    std::string answer{}; ///< Else.
  } rows[]{
    {"our address", "192.0.2.1:3128", browser, true},
    {"another port of ours", "192.0.2.1:1080", browser, true},
    {"no browser", "192.0.2.1:3128", "", false, "not_allowed_local"},
    {"a port that is none of ours", "192.0.2.1:9999", browser, false, "not_allowed"},
  };
  for (const auto& [words, host, more, is_told, answer] : rows) {
    CAF_MESSAGE(words);
    exchange_stage s;
    auto& client = s.client();
    client.say("GET /favicon.ico HTTP/1.1\r\nHost: " + host + "\r\n" + more + "\r\n");
    CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
    CAF_CHECK_EQUAL(s.hears(client, "listens here, not a web site", 1s), is_told);
    CAF_CHECK(client.hears(is_told ? "http://" + host : answer));
  }
  exchange_stage s{with_users()};
  for (auto host : {"192.0.2.1:3128", "goes.test:3128", "other.test:3128"}) {
    auto& client = s.client();
    client.say(std::string{"GET / HTTP/1.1\r\nHost: "} + host + "\r\n" + browser + "\r\n");
    // Whoever has not said who it is does not learn what is allowed.
    CAF_CHECK(s.hears(client, host[0] == '1' ? "not a web site" : "HTTP/1.1 407"));
  }
}

CAF_TEST(a client that pipelines gives way to others) {
  exchange_stage s;
  auto& many = s.client();
  auto& one = s.client();
  CAF_REQUIRE(s.serves(many));
  CAF_REQUIRE(s.serves(one));
  std::string all;
  for (int i = 0; i < 300; ++i)
    all += get("http://many.test/");
  s.set_way(s.user, {}); // both arrive in one turn
  many.say(all);
  one.say(get("http://one.test/"));
  CAF_CHECK(s.until([&] { return count_of(many.text, "HTTP/1.1 403") == 301; }));
  auto decided = s.decisions();
  auto at = std::ranges::find(decided, "deny http one.test:80 not_allowed") - decided.begin();
  CAF_CHECK(at < 40);
}
