#define CAF_SUITE actors.flows.exchange_pool
#include "actors/serve/upstream/upstream.hpp" // unit under test

#include "tests/actors/flows/exchange_stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

struct pooling : exchange_stage {
  explicit pooling(const std::string& daemon = "")
    : exchange_stage(
        {.network = R"(allowed_domains = ["goes.test", "also.test"])", .daemon = daemon}) {
    names.names["also.test"] = {.addresses = {ip("93.184.216.35")}};
  }
  origin& at_other = serve_at("93.184.216.35", 80);

  /// Has a request answered on a new connection. @returns that, the origin's end.
  party& serve_new(party& who, const std::string& request, const std::string& answer = ok("x")) {
    auto& there = reach(who, request);
    there.say(answer);
    CAF_REQUIRE(hears(who, behind_head(answer)));
    who.forget();
    there.forget();
    return there;
  }
  /// Whether the next request comes on this connection, and is answered by it.
  bool is_used_again(party& there, party& who, const std::string& request = get_it()) {
    who.forget();
    there.forget();
    who.say(request);
    if (!hears(there, "\r\n\r\n", 1s))
      return false;
    there.forget();
    there.say(ok("again"));
    return hears(who, "again");
  }
};

std::string login(const std::string& value) { return get_it("Authorization: " + value + "\r\n"); }

const std::string offers_ntlm =
  "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 2\r\n\r\nno";

} // namespace

CAF_TEST(a connection that has served one client serves the next until its time is over) {
  pooling s{"timeouts.upstream_idle = \"20s\""};
  auto& origin = s.serve_new(s.client(), get_it());
  s.pass(19s);
  CAF_CHECK(s.is_used_again(origin, s.client()));
  CAF_CHECK(!s.is_over(origin, 19s)); // its time begins anew
  CAF_CHECK(s.is_over(origin, 2s));
  CAF_CHECK_EQUAL(origin.error, 0);
  s.serve_new(s.client(), get_it());
}

CAF_TEST(a connection is kept only where nothing is left in it) {
  struct row {
    std::string_view words;
    std::string request, answer;
    bool is_kept = false;
  } rows[]{
    {"an answer that is whole", get_it(), ok("there"), true},
    {"the client wants an end", get_it("Connection: close\r\n"), ok("there"), true},
    {"the origin wants an end", get_it(), ok("there", "Connection: close\r\n")},
    {"the origin speaks HTTP/1.0", get_it(), "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nthere"},
    {"the body ends with the connection", get_it(), "HTTP/1.1 200 OK\r\n\r\nthere"},
    {"more than the answer", get_it(), ok("there") + "and more"},
    {"a second answer", get_it(), ok("there") + ok("for the next")},
    {"an answer to HEAD with a body", start_of("HEAD") + "\r\n", ok("there")},
    {"half of the request", start_of("PUT") + "Content-Length: 9\r\n\r\nhalf", ok("there")},
  };
  for (const auto& [words, request, answer, is_kept] : rows) {
    CAF_MESSAGE(words);
    pooling s;
    auto [client, origin] = s.begin(request);
    origin.say(answer);
    CAF_CHECK(s.hears(client, "HTTP/1."));
    s.pass(1ms);
    if (!is_kept) {
      auto& next = s.client();
      auto& fresh = s.reach(next, get_it());
      fresh.say(ok("its own"));
      CAF_CHECK(s.hears(next, "its own"));
      CAF_CHECK(!next.hears("for the next"));
    } else {
      CAF_CHECK(s.is_used_again(origin, s.client()));
    }
  }
}

CAF_TEST(a kept connection that says something is given up and what it said reaches nobody) {
  struct row {
    std::string_view words;
    void (*tell)(party&);
  } rows[]{
    {"its end", [](party& origin) { origin.finish(); }},
    {"a reset", [](party& origin) { origin.reset(); }},
    {"an answer to nothing", [](party& origin) { origin.say(ok("poison")); }},
  };
  for (const auto& [words, tell] : rows)
    for (auto at_once : {false, true}) {
      CAF_MESSAGE(words << (at_once ? ", as the next request comes" : ""));
      pooling s;
      auto& client = s.client();
      auto& origin = s.serve_new(client, get_it());
      tell(origin);
      if (!at_once) {
        s.pass(1s);
        if (origin.is_open())
          CAF_CHECK(origin.is_over());
      }
      s.serve_new(client, get_it(), ok("good"));
      CAF_CHECK(!client.hears("poison"));
    }
}

CAF_TEST(what died on a kept connection is sent again where that is safe) {
  struct row {
    std::string_view words;
    std::string request;
    bool again;
    std::string said{}; ///< By the origin, before it ends.
  } rows[]{
    {"GET", get_it(), true},
    {"HEAD", start_of("HEAD") + "\r\n", true},
    {"DELETE", start_of("DELETE") + "\r\n", true},
    {"PUT of nothing", start_of("PUT") + "Content-Length: 0\r\n\r\n", true},
    {"PUT with a body", start_of("PUT") + "Content-Length: 4\r\n\r\nbody", false},
    {"PUT in chunks", start_of("PUT") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false},
    {"POST", post_it(""), false},
    {"PATCH", start_of("PATCH") + "\r\n", false},
    {"GET that was answered in part", get_it(), false, "HTTP/1.1 2"},
  };
  for (const auto& [words, request, again, said] : rows)
    for (auto by_reset : {false, true}) {
      CAF_MESSAGE(words << (by_reset ? ", reset" : ", closed"));
      pooling s;
      auto& client = s.client();
      auto& origin = s.serve_new(client, get_it());
      client.say(request);
      CAF_REQUIRE(s.hears(origin, "\r\n\r\n"));
      origin.say(said);
      s.pass(1ms);
      by_reset ? origin.reset() : origin.close();
      if (!again) {
        CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
        CAF_CHECK(!s.is_called(s.at_origin, 1s));
        continue;
      }
      auto& second = s.accept(s.at_origin);
      auto line = request.substr(0, request.find(' '));
      CAF_CHECK(s.hears(second, line + " / HTTP/1.1\r\n"));
      by_reset ? second.reset() : second.close(); // which is no accident any more
      CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
      CAF_CHECK(!s.is_called(s.at_origin, 1s));
      CAF_CHECK_EQUAL(s.decisions().size(), 3u); // one for each request, and the fault
    }
}

CAF_TEST(no more connections are kept than there may be) {
  struct row {
    std::string daemon;
    bool first, second, other; ///< Which of them are: two of an origin, then one of another.
  } rows[]{
    {"", true, true, true},
    {"limits.max_idle_upstreams_per_origin = 1", true, false, true},
    {"limits.max_idle_upstreams_per_origin = 0", false, false, false},
    {"limits.max_idle_upstreams = 2", false, true, true},
    {"limits.max_idle_upstreams = 1", false, false, true},
    {"limits.max_idle_upstreams = 0", false, false, false},
  };
  for (const auto& [daemon, first, second, other] : rows) {
    CAF_MESSAGE(daemon);
    pooling s{daemon};
    auto [one, origin] = s.begin(get_it());
    auto [two, twin] = s.begin(get_it());
    auto& three = s.client();
    three.say(get("http://also.test/"));
    auto& stranger = s.accept(s.at_other);
    CAF_REQUIRE(s.hears(stranger, "\r\n\r\n"));
    for (auto* there : {&origin, &twin, &stranger}) {
      there->say(ok("x"));
      s.pass(10ms);
    }
    s.pass(100ms);
    CAF_CHECK_EQUAL(!origin.is_over(), first);
    CAF_CHECK_EQUAL(!twin.is_over(), second);
    CAF_CHECK_EQUAL(!stranger.is_over(), other);
  }
}

CAF_TEST(a connection that may be logged in serves the client that it belongs to alone) {
  struct row {
    std::string_view words;
    std::string request, answer;
    bool is_shared = false;
  } rows[]{
    {"an offer", get_it(), offers_ntlm},
    {"an offer among others", get_it(),
     "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a, b\", negotiate\r\n"
     "Content-Length: 2\r\n\r\nno"},
    {"a message", login("NTLM one"), ok("page")},
    {"a message of Negotiate", login("negotiate one"), ok("page")},
    {"credentials of one request", login("Basic YTpi"), ok("page"), true},
  };
  for (const auto& [words, request, answer, is_shared] : rows) {
    CAF_MESSAGE(words);
    pooling s;
    auto& alice = s.client();
    auto& hers = s.serve_new(alice, request, answer);
    CAF_CHECK(s.is_used_again(hers, alice));
    if (is_shared) {
      CAF_CHECK(s.is_used_again(hers, s.client()));
      continue;
    }
    s.serve_new(s.client(), get_it());
    CAF_CHECK(s.is_used_again(hers, alice)); // rather than what anybody may have
    alice.close();
    CAF_CHECK(s.is_over(hers, 1s));
  }
}

CAF_TEST(a login ends with its time its origin and its policy) {
  struct row {
    std::string_view words;
    void (*tell)(pooling&, party& origin);
  } rows[]{
    {"its time", [](pooling& s, party&) { s.pass(20s); }},
    {"the origin's end", [](pooling&, party& origin) { origin.finish(); }},
    {"a word of the origin", [](pooling&, party& origin) { origin.say("x"); }},
    {"another policy", [](pooling& s, party&) { s.install(exchange_stage::allowed); }},
  };
  for (const auto& [words, tell] : rows) {
    CAF_MESSAGE(words);
    pooling s;
    auto& alice = s.client();
    auto& hers = s.serve_new(alice, get_it(), offers_ntlm);
    CAF_CHECK(!s.is_over(hers, 29s));
    tell(s, hers);
    CAF_CHECK(s.is_over(hers, 1s));
    s.serve_new(alice, get_it());
  }
}

CAF_TEST(a login that began under an older policy is not kept) {
  pooling s;
  auto [alice, hers] = s.begin(get_it());
  s.install(exchange_stage::allowed);
  hers.say(offers_ntlm);
  CAF_CHECK(s.hears(alice, "HTTP/1.1 401"));
  CAF_CHECK(s.is_over(hers, 1s));
}

CAF_TEST(a client has no more logins than so many and all clients no more than are kept) {
  for (size_t kept : {8u, 3u}) {
    pooling s{"limits.max_idle_upstreams = " + std::to_string(kept == 8 ? 100 : kept)};
    std::vector<party*> theirs;
    auto& alice = s.client();
    std::string all = "allowed_domains = [";
    for (int i = 1; i <= 9; ++i) {
      auto name = "n" + std::to_string(i) + ".test";
      s.names.names[name] = {.addresses = {ip("93.184.216.34")}};
      all += '"' + name + "\",";
    }
    s.install(all + "]", "limits.max_idle_upstreams = " + std::to_string(kept == 8 ? 100 : kept));
    for (int i = 1; i <= 9; ++i)
      theirs.push_back(
        &s.serve_new(alice, get("http://n" + std::to_string(i) + ".test/"), offers_ntlm));
    s.pass(1s);
    auto open = std::ranges::count_if(theirs, [](party* one) { return !one->is_over(); });
    CAF_CHECK_EQUAL(static_cast<size_t>(open), kept);
    CAF_CHECK_EQUAL(theirs.front()->is_over(), kept == 8); // the oldest makes room
  }
}
