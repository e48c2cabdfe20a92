#define CAF_SUITE actors.flows.drain
#include "actors/serve/worker/shard.hpp" // unit under test

#include "tests/actors/flows/waiting.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

using ended = std::shared_ptr<std::optional<bool>>;

struct ending_stage : stage {
  explicit ending_stage(uint64_t seed = 1, std::string daemon = "")
    : stage({.network = "allowed_domains = [\"example.com\"]",
             .daemon = std::move(daemon),
             .seed = seed,
             .loops = 2}) {
    names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
  }
  origin& at_origin = serve_at("93.184.216.34", 80);

  bool comes_to(const ended& drained, std::chrono::nanoseconds span = 5s) {
    return until([&] { return drained->has_value(); }, span);
  }
  bool is_refused(uint16_t port) {
    auto& who = client(port);
    return is_over(who, 1s) && who.error == ECONNREFUSED;
  }
  std::string admin(const std::string& method, const std::string& path) {
    auto& asks = client(8080);
    asks.say(method + ' ' + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
             "Content-Length: 0\r\n\r\n");
    CAF_CHECK(is_over(asks));
    return asks.text;
  }
};

const std::string request = get("http://example.com/");

/// What is under way when the end begins.
struct under_way {
  std::string_view words;
  /// @returns the origin, where there is one by then.
  std::function<party*(ending_stage&, party&)> reach;
  std::function<void(ending_stage&, party&, party*)> go_on;
};

void answer(ending_stage&, party&, party* origin) { origin->say(ok("the whole")); }

/// The origin is reached in the drain.
void answer_late(ending_stage& s, party&, party*) {
  auto& origin = s.accept(s.at_origin);
  CAF_CHECK(s.hears(origin, "GET / "));
  origin.say(ok("the whole"));
}

const std::vector<under_way> requests{
  {"half a head",
   [](ending_stage& s, party& client) {
     client.say(request.substr(0, 20));
     s.pass(1s);
     return static_cast<party*>(nullptr);
   },
   [](ending_stage& s, party& client, party* origin) {
     client.say(request.substr(20));
     answer_late(s, client, origin);
   }},
  {"a name that is looked up",
   [](ending_stage& s, party& client) {
     s.names.names["example.com"].late = 3s;
     client.say(request);
     s.pass(1s);
     return static_cast<party*>(nullptr);
   },
   answer_late},
  {"a dial",
   [](ending_stage& s, party& client) { return ask_and_dial(s, s.at_origin, client, request); },
   answer_late},
  {"a request whose response is awaited",
   [](ending_stage& s, party& client) { return ask_and_reach(s, s.at_origin, client, request); },
   answer},
  {"half a response",
   [](ending_stage& s, party& client) {
     return ask_and_hear_half(s, s.at_origin, client, request);
   },
   [](ending_stage&, party&, party* origin) { say_other_half(*origin); }},
  {"half a body",
   [](ending_stage& s, party& client) {
     return ask_and_reach(s, s.at_origin, client,
                          "POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\n"
                          "Content-Length: 10\r\n\r\nhalf ");
   },
   [](ending_stage& s, party& client, party* origin) {
     client.say("other");
     CAF_CHECK(s.hears(*origin, "half other"));
     origin->say(ok("the whole"));
   }},
};

} // namespace

CAF_TEST(whoever does nothing is let go of at once) {
  ending_stage s;
  auto& silent = s.client();
  auto& idle = s.client();
  auto* kept = ask_and_reach(s, s.at_origin, idle, request);
  kept->say(ok("first"));
  CAF_CHECK(s.hears(idle, "first"));
  auto& watches = s.client(8080);
  watches.say("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(s.hears(watches, "\r\n\r\nok"));
  auto drained = s.drain();
  CAF_CHECK(s.comes_to(drained, 100ms));
  for (auto* each : {&silent, &idle, kept, &watches}) {
    CAF_CHECK(s.is_over(*each, 1s));
    CAF_CHECK_EQUAL(each->error, 0); // in order, and not by a reset
  }
}

CAF_TEST(a drain without anybody is over at once and nobody comes in any more) {
  ending_stage s;
  auto drained = s.drain();
  CAF_CHECK(s.comes_to(drained, 100ms));
  for (auto port : {uint16_t{3128}, uint16_t{1080}})
    CAF_CHECK(s.is_refused(port));
  CAF_CHECK(has(s.admin("GET", "/health"), "\r\n\r\nok"));
}

CAF_TEST(what has come as the end begins is answered though no worker has seen it) {
  ending_stage s;
  auto& client = s.client();
  auto& watches = s.client(8080);
  s.pass(10ms);
  client.say(request);
  watches.say("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  auto drained = s.drain();
  answer_late(s, client, nullptr);
  CAF_CHECK(s.hears(client, "the whole"));
  CAF_CHECK(s.hears(watches, "\r\n\r\nok"));
  CAF_CHECK(s.comes_to(drained));
  for (auto* each : {&client, &watches}) {
    CAF_CHECK(s.is_over(*each, 1s));
    CAF_CHECK_EQUAL(each->error, 0);
  }
}

CAF_TEST(whoever has come to watch the end may ask when it has begun) {
  ending_stage s;
  auto& watches = s.client(8080);
  s.pass(10ms);
  auto drained = s.drain();
  CAF_CHECK(s.comes_to(drained, 100ms));
  watches.say("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(s.hears(watches, "\r\n\r\nok"));
  CAF_CHECK(s.is_over(watches, 1s));
}

CAF_TEST(a request under way is answered to its end and then its connection closes) {
  uint64_t seed = 0;
  for (const auto& what : requests) {
    CAF_MESSAGE(what.words);
    ending_stage s{++seed};
    auto& client = s.client();
    auto* origin = what.reach(s, client);
    auto drained = s.drain();
    CAF_CHECK(!s.comes_to(drained, 900ms));
    for (auto port : {uint16_t{3128}, uint16_t{1080}})
      CAF_CHECK(s.is_refused(port));
    // The admin API says meanwhile who is waited for.
    CAF_CHECK(has(s.admin("GET", "/connections"), "\"client\":\"192.0.2.9:"));
    CAF_CHECK(has(s.admin("GET", "/metrics"), "\ncodex_network_proxy_requests_total "));
    CAF_CHECK(!drained->has_value());
    what.go_on(s, client, origin);
    CAF_CHECK(s.hears(client, "the whole"));
    CAF_CHECK(s.is_over(client, 1s));
    CAF_CHECK_EQUAL(client.error, 0);
    client.close();
    CAF_CHECK(s.comes_to(drained, 100ms));
  }
}

CAF_TEST(the last answer says that its connection closes) {
  ending_stage s;
  auto& client = s.client();
  auto* origin = ask_and_reach(s, s.at_origin, client, request);
  auto& late = s.client();
  late.say("GET http://other.test/ HTTP/1.1\r\n");
  s.pass(1s);
  auto drained = s.drain();
  s.pass(1s);
  origin->say(ok("the whole"));
  CAF_CHECK(s.hears(client, "the whole"));
  CAF_CHECK(has(client.text, "\r\nconnection: close\r\n") ||
            has(client.text, "\r\nConnection: close\r\n"));
  late.say("Host: other.test\r\n\r\n");
  CAF_CHECK(s.hears(late, "HTTP/1.1 403"));
  CAF_CHECK(has(late.text, "connection: close"));
  CAF_CHECK(s.comes_to(drained));
}

CAF_TEST(a head that does not come is waited for no longer than ever) {
  ending_stage s{1, "timeouts.head = \"20s\""};
  auto& client = s.client();
  s.pass(1s);
  client.say("GET http://exam");
  auto drained = s.drain();
  CAF_CHECK(!s.comes_to(drained, 18s));
  CAF_CHECK(s.hears(client, "HTTP/1.1 408", 2s));
  CAF_CHECK(s.comes_to(drained, 3s));
}

CAF_TEST(a tunnel goes on until it ends by itself) {
  struct row {
    std::string_view words;
    std::function<void(party& client, party& origin)> end;
  };
  uint64_t seed = 40;
  for (const auto& [words, end] : {
         row{"both say their last",
             [](party&client, party&origin) {
               client.finish();
               origin.finish();
             }},
         row{"the client is gone", [](party&client, party&) { client.reset(); }},
         row{"the origin is gone", [](party&, party&origin) { origin.reset(); }},
         row{"neither says anything for so long", [](party&, party&) {}},
       }) {
    CAF_MESSAGE(words);
    ending_stage s{++seed, "timeouts.idle = \"60s\""};
    auto& client = s.tunnel("example.com:80");
    auto& origin = s.accept(s.at_origin);
    auto drained = s.drain();
    CAF_CHECK(!s.comes_to(drained, 50s));
    client.say("up");
    origin.say("down");
    CAF_CHECK(s.hears(origin, "up"));
    CAF_CHECK(s.hears(client, "down"));
    CAF_CHECK(!s.comes_to(drained, 59s));
    end(client, origin);
    CAF_CHECK(s.comes_to(drained, 2s));
  }
}

CAF_TEST(a client that has greeted over SOCKS may go on or end at its deadline) {
  for (auto goes_on : {true, false}) {
    ending_stage s{1, "timeouts.head = \"20s\""};
    auto& client = s.client(1080);
    client.say(std::string{"\x05\x01\x00", 3});
    CAF_CHECK(s.hears(client, std::string{"\x05\x00", 2}));
    auto drained = s.drain();
    s.pass(1s);
    if (!drained->has_value() && goes_on) {
      std::string name = "other.test";
      client.say(std::string{"\x05\x01\x00\x03", 4} + static_cast<char>(name.size()) + name +
                 std::string{"\x00\x50", 2});
      CAF_CHECK(s.hears(client, "\x05\x02"));
    }
    CAF_CHECK(s.comes_to(drained, 30s));
    CAF_CHECK(s.is_over(client, 3s));
  }
}

CAF_TEST(changes that come in a drain are refused and say why) {
  ending_stage s;
  auto& client = s.tunnel("example.com:80");
  auto& origin = s.accept(s.at_origin);
  auto drained = s.drain();
  s.pass(1s);
  auto refused = s.admin("POST", "/reload");
  CAF_CHECK(has(refused, "HTTP/1.1 422"));
  CAF_CHECK(has(refused, "the proxy is shutting down"));
  auto mode = s.set_mode(policy::mode::limited);
  CAF_CHECK(!mode.report);
  client.say("as before");
  CAF_CHECK(s.hears(origin, "as before"));
}

CAF_TEST(a change under way as the end begins is made or refused and never half made) {
  size_t made = 0, refused = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    ending_stage s{seed};
    auto& client = s.tunnel("example.com:80");
    auto& origin = s.accept(s.at_origin);
    auto answer = s.begin_reload("");
    for (uint64_t i = 0; i < seed; ++i)
      (void)s.w.step(s.w.time().now() + 1s);
    auto drained = s.drain();
    CAF_REQUIRE(s.until([&] { return answer->has_value(); }));
    if ((*answer)->report) {
      ++made;
      CAF_CHECK(s.is_over(client));
      CAF_CHECK(s.is_over(origin));
      CAF_CHECK(s.comes_to(drained));
    } else {
      ++refused;
      auto why = (*answer)->problems.back().str();
      CAF_CHECK(has(why, "the proxy is shutting down"));
      client.say("as before");
      CAF_CHECK(s.hears(origin, "as before"));
      CAF_CHECK(!s.comes_to(drained));
    }
    s.pass(10ms);
    CAF_CHECK(s.is_refused(3128));
    CAF_CHECK(has(s.admin("GET", "/health"), "\r\n\r\nok"));
  }
  CAF_CHECK(made > 0);
  CAF_CHECK(refused > 0);
}

CAF_TEST(whoever is over its grace is reset and nothing stays open) {
  ending_stage s;
  auto& client = s.tunnel("example.com:80");
  auto& origin = s.accept(s.at_origin);
  auto& waits = s.client();
  auto* asked = ask_and_reach(s, s.at_origin, waits, request);
  auto& watches = s.client(8080);
  auto drained = s.drain();
  CAF_CHECK(!s.comes_to(drained));
  for (const auto& each : s.shards)
    caf::anon_send(each, atom::abort_v);
  for (auto* each : {&client, &origin, &waits, asked, &watches})
    CAF_CHECK(s.is_over(*each, 1s));
  CAF_CHECK_EQUAL(client.error, ECONNRESET);
  CAF_CHECK_EQUAL(waits.error, ECONNRESET);
  CAF_CHECK_EQUAL(waits.text, "");
  caf::anon_send_exit(s.store, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(s.owner, caf::exit_reason::user_shutdown);
  s.store = nullptr;
  s.owner = nullptr;
  s.shards.clear();
  s.pass(1min);
  CAF_CHECK_EQUAL(s.here.list(), "");
  CAF_CHECK_EQUAL(s.failure, "");
}
