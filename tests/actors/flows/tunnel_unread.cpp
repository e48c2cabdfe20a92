#define CAF_SUITE actors.flows.tunnel_unread
#include "tests/actors/flows/offering.hpp"

#include <cerrno>

using namespace proxy;
using namespace proxy::test;

/// Tunnels that would be read, and whose client speaks what cannot be.

namespace {

struct unread : stage {
  explicit unread(const std::string& daemon = "")
    : stage{{.network = inspecting_example, .daemon = daemon}} {
    names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
  }
  /// A tunnel in which the client has said something.
  void open(const std::string& begun = "\x01\x02 not a request\n") {
    who = &tunnel("example.com:443");
    origin = &accept(at);
    who->say(begun);
    CAF_CHECK(until([&] { return origin->hears(begun); }));
  }
  [[nodiscard]] bool carries(party& from, party& to, const std::string& bytes) {
    to.forget();
    from.say(bytes);
    return until([&] { return to.text.size() >= bytes.size(); }) && to.text == bytes;
  }

  origin& at = serve_at("93.184.216.34", 443);
  party* who = nullptr;
  party* origin = nullptr;
};

} // namespace

CAF_TEST(what is no answer in HTTP passes in pieces of any size) {
  for (std::string_view answer : {"\x05", "SSH-2.0-server\r\n", "H", "HT", "HTTP", "HTTPS",
                                  "HTTX/1.1 200 OK\r\n", "\nHTTP/1.1", "XHTTP/1.1 200"})
    for (auto in_pieces : {false, true}) {
      CAF_MESSAGE(answer << " in pieces: " << in_pieces);
      unread s;
      s.open();
      if (in_pieces)
        for (auto c : answer) {
          s.origin->say(std::string(1, c));
          s.pass(1s);
        }
      else
        s.origin->say(answer);
      // What may still become an answer in HTTP is held back until it is told what it is.
      s.origin->say("!");
      CAF_CHECK(s.carries(*s.who, *s.origin, std::string(100'000, 'u')));
      s.origin->say(std::string(100'000, 'd'));
      s.origin->finish();
      CAF_CHECK(s.is_over(*s.who));
      CAF_CHECK(s.who->text == std::string{answer} + "!" + std::string(100'000, 'd'));
      CAF_CHECK(s.decisions().size() == 1u);
    }
}

CAF_TEST(an answer in HTTP tells that it was a request and nothing of it passes) {
  struct row {
    const char* answer;
    bool in_pieces;
  } rows[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", false},
              {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", true},
              {"http/1.0 200 OK\r\n\r\nsecret", false},
              {"hTtP/", true}};
  for (auto& [answer, in_pieces] : rows) {
    CAF_MESSAGE(answer << in_pieces);
    unread s;
    s.open();
    for (auto c : std::string{answer}) {
      s.origin->say(std::string(1, c));
      if (in_pieces)
        s.pass(10ms);
      if (s.origin->is_over())
        break;
    }
    CAF_CHECK(s.is_over(*s.who, 1s) && s.is_over(*s.origin, 1s));
    CAF_CHECK_EQUAL(s.who->text, "");
    CAF_CHECK(!s.who->ended && s.who->error == ECONNRESET);
    s.pass(1s);
    auto decided = s.decisions();
    CAF_REQUIRE_EQUAL(decided.size(), 2u);
    CAF_CHECK(decided[1].starts_with("deny https_connect example.com:443 "));
  }
}

CAF_TEST(an answer in HTTP passes where the policy of now does not read the tunnel) {
  unread s;
  s.open();
  s.install(plain);
  s.origin->say("HTTP/1.1 200 OK\r\n\r\nfor all");
  CAF_CHECK(s.hears(*s.who, "HTTP/1.1 200 OK\r\n\r\nfor all"));
}

CAF_TEST(a server that ends within what may be an answer is heard to its end) {
  unread s;
  s.open();
  s.origin->say("HTT");
  s.origin->finish();
  CAF_CHECK(s.is_over(*s.who));
  CAF_CHECK_EQUAL(s.who->text, "HTT");
  CAF_CHECK(s.carries(*s.who, *s.origin, "more"));
}

CAF_TEST(a client may say much and end before the server has answered) {
  unread s;
  s.open(std::string(3'000, '\x02') + std::string(600'000, 'x'));
  s.who->finish();
  CAF_CHECK(s.is_over(*s.origin));
  CAF_CHECK_EQUAL(s.origin->text.size(), 603'000u);
  s.origin->say("at last");
  s.origin->finish();
  CAF_CHECK(s.is_over(*s.who));
  CAF_CHECK_EQUAL(s.who->text, "at last");
}

CAF_TEST(a tunnel whose server never answers ends at its deadline) {
  unread s{"timeouts.idle = \"1m\""};
  s.open();
  s.pass(50s);
  CAF_CHECK(s.carries(*s.who, *s.origin, "still there"));
  CAF_CHECK(!s.is_over(*s.who, 59s));
  CAF_CHECK(s.is_over(*s.who, 2s) && s.is_over(*s.origin, 1s));
}

CAF_TEST(a policy that refuses the tunnel before the server has answered cuts it) {
  unread s;
  s.open();
  auto outcome = s.reload("allowed_domains = [\"example.com\"]\nmitm = true\nmode = \"limited\"");
  CAF_REQUIRE(outcome.report);
  CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 1u);
  CAF_CHECK(s.is_over(*s.who, 100ms) && s.is_over(*s.origin, 100ms));
  CAF_CHECK(s.until([&] { return s.events.size() == 2; }, 1s));
  CAF_CHECK(s.decisions().back() == "deny https_connect example.com:443 mitm_required");
}

CAF_TEST(a side that breaks off before the server has answered is seen as that by the other) {
  for (auto client_goes : {true, false}) {
    CAF_MESSAGE(client_goes);
    unread s;
    auto before = s.here.sockets();
    s.open();
    auto& stays = client_goes ? *s.origin : *s.who;
    (client_goes ? s.who : s.origin)->reset();
    CAF_CHECK(s.is_over(stays, 1s));
    auto error = stays.error;
    CAF_CHECK_EQUAL(error, ECONNRESET);
    s.pass(1s);
    auto left = s.here.sockets();
    CAF_CHECK(left <= before + 1); // the one that asks the name server is kept
  }
}
