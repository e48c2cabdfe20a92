#define CAF_SUITE actors.flows.asked
#include "actors/serve/decide/decide.hpp" // unit under test

#include "tests/actors/flows/deciding.hpp"
#include "tests/actors/flows/socks_client.hpp"

using namespace proxy;
using namespace proxy::test;

/// Requests that need somebody's word: they wait for it, and count by the policy of then.

namespace {

struct scene : deciding<stage> {
  explicit scene(stage_settings with = {.network = unlisted}) : deciding(std::move(with)) {
    names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
  }

  /// The client, whose request waits for the word.
  party& hold(const std::string& text) {
    who.say(text);
    CAF_REQUIRE(asks(1));
    return who;
  }

  origin& at = serve_at("93.184.216.34", 80);
  party& who = client(); ///< Before the listeners go with the policy that asks.
};

const std::string request = get("http://example.com/x");

} // namespace

CAF_TEST(a request waits for the word and goes by it) {
  struct row {
    policy::decision word;
    const char* words;
    const char* answer;
    const char* decided;
  } rows[] = {
    {policy::decision::allow, "", "hello", "allow http example.com:80 allow"},
    {policy::decision::deny, "not today", "403", "deny http example.com:80 not today"},
    {policy::decision::deny, "", "403", "deny http example.com:80 policy_denied"},
    {policy::decision::ask, "ask the owner", "403", "deny http example.com:80 ask the owner"},
    {policy::decision::ask, "not_allowed", "403", "deny http example.com:80 not_allowed"},
  };
  for (const auto& [word, words, answer, decided] : rows) {
    CAF_MESSAGE(decided);
    scene s;
    s.ask_about_all(unlisted);
    auto& client = s.hold(request);
    const auto& what = s.asked();
    CAF_CHECK(what.to.host.text() == "example.com" && what.to.port == 80);
    CAF_CHECK(what.to.method == "GET" && what.user.empty());
    CAF_CHECK(what.client.starts_with("192.0.2.9:"));
    s.pass(20s);
    CAF_CHECK(client.text.empty() && s.names.asked.empty() && s.events.empty());
    s.say(word, words);
    if (word == policy::decision::allow) {
      auto& origin = s.accept(s.at);
      CAF_CHECK(s.hears(origin, "GET /x HTTP/1.1\r\n"));
      origin.say(ok("hello"));
    }
    CAF_CHECK(s.hears(client, answer));
    CAF_CHECK(s.hears(client, words));
    s.check_decided(decided);
    CAF_CHECK(s.events.front()->source == policy::source::decider);
    CAF_CHECK(s.events.front()->decision == word);
  }
}

CAF_TEST(nobody is asked about what the rules settle) {
  struct row {
    const char* network;
    const char* url;
    const char* decided;
  } rows[] = {
    {"denied_domains = [\"example.com\"]", "http://example.com/x",
     "deny http example.com:80 denied"},
    {"allowed_domains = [\"example.com\"]\ndenied_domains = [\"example.com\"]",
     "http://example.com/x", "deny http example.com:80 denied"},
    {"", "http://127.0.0.1/x", "deny http 127.0.0.1:80 not_allowed_local"},
    {"", "http://localhost/x", "deny http localhost:80 not_allowed_local"},
  };
  for (const auto& [network, url, decided] : rows) {
    CAF_MESSAGE(url << " under " << network);
    scene s;
    s.ask_about_all(network);
    s.who.say(get(url));
    CAF_CHECK(s.hears(s.who, "HTTP/1.1 403"));
    CAF_CHECK(s.asks(0));
    s.check_decided(decided);
    CAF_CHECK(s.events.front()->source == policy::source::baseline_policy);
  }
}

CAF_TEST(where nobody decides what no rule allows is refused by the rules) {
  stage s{{.network = unlisted}};
  auto& client = s.client();
  client.say(request);
  CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
  s.pass(1ms);
  CAF_CHECK(s.decisions() == std::vector<std::string>{"deny http example.com:80 not_allowed"});
  CAF_CHECK(s.events.front()->source == policy::source::baseline_policy);
}

CAF_TEST(a question says how the client asks) {
  struct row {
    const char* protocol;
    std::string said;
    uint16_t port;
    const char* method;
  } rows[] = {
    {"http", request, 80, "GET"},
    {"https_connect", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", 443,
     "CONNECT"},
    {"socks5_tcp", socks_request(socks_connect, "example.com", 443), 443, ""},
  };
  for (const auto& [protocol, said, port, method] : rows) {
    CAF_MESSAGE(protocol);
    scene s;
    auto& client = std::string_view{protocol} == "socks5_tcp" ? socks_client(s) : s.who;
    s.ask_about_all(unlisted);
    client.say(said);
    CAF_REQUIRE(s.asks(1));
    const auto& to = s.asked().to;
    CAF_CHECK_EQUAL(policy::to_string(to.protocol), protocol);
    CAF_CHECK_EQUAL(to.host.text(), "example.com");
    CAF_CHECK_EQUAL(to.port, port);
    CAF_CHECK_EQUAL(to.method, method);
    s.say(policy::decision::deny, "no");
    s.pass(1s);
    s.check_decided("deny " + std::string{protocol} + " example.com:" + std::to_string(port) +
                    " no");
  }
}

CAF_TEST(silence and a decider that has ended are a refusal) {
  for (auto ended : {false, true}) {
    scene s;
    s.ask_about_all(unlisted);
    auto& client = s.who;
    if (ended) {
      caf::anon_send_exit(s.process->decider, caf::exit_reason::kill);
      s.pass(1ms);
      client.say(request);
    } else {
      (void)s.hold(request);
      CAF_CHECK(!s.hears(client, "HTTP", 29s + 900ms));
    }
    CAF_CHECK(s.hears(client, "HTTP/1.1 403", 200ms));
    s.check_decided(std::string{"deny http example.com:80 "} +
                    (ended ? "decider_failed" : "decider_timeout"));
    CAF_CHECK(s.events.front()->source == policy::source::decider);
    auto log = s.log();
    CAF_CHECK(log.find("msg=decider_silent host=example.com port=80") != std::string::npos);
    if (!ended) {
      CAF_CHECK(s.told->withdrawn == std::vector{s.asked().number});
      s.say(policy::decision::allow); // falls on nothing
      CAF_CHECK(!s.is_called(s.at, 1s));
    }
  }
}

CAF_TEST(a decider that fails is a refusal) {
  scene s;
  s.ask_about_all(unlisted);
  auto& client = s.hold(request);
  s.told->open.front().answer.deliver(caf::make_error(errc::system, std::string{"out of order"}));
  CAF_CHECK(s.hears(client, "HTTP/1.1 403 Blocked by policy: decider_failed example.com", 10ms));
  s.check_decided("deny http example.com:80 decider_failed");
}

CAF_TEST(the time for a word is what the policy says when somebody is asked) {
  scene s;
  s.ask_about_all(unlisted, "decider.timeout = \"2s\"\n");
  auto& client = s.hold(request);
  s.ask_about_all(unlisted, "decider.timeout = \"7s\"\n");
  CAF_CHECK(!s.hears(client, "HTTP", 1s + 500ms));
  CAF_CHECK(s.hears(client, "HTTP/1.1 403 Blocked by policy: decider_timeout", 1s));
  client.forget();
  client.say(request);
  CAF_CHECK(!s.hears(client, "HTTP/1.1 403", 6s + 900ms));
  CAF_CHECK(s.hears(client, "HTTP/1.1 403", 200ms));
}

CAF_TEST(a client that leaves takes its question along) {
  scene s;
  s.ask_about_all(unlisted);
  auto& client = s.hold(request);
  client.reset();
  s.pass(10ms);
  CAF_CHECK(s.process->total_connections() == 0);
  CAF_CHECK(s.told->withdrawn == std::vector{s.asked().number});
  s.say(policy::decision::allow);
  CAF_CHECK(!s.is_called(s.at, 1s));
  CAF_CHECK(s.events.empty());
}

CAF_TEST(a client that sends its end has left and the rules alone decide) {
  struct row {
    const char* what;
    std::string said;
    bool answered; ///< Whoever asks for a tunnel has nothing to hear any more.
  } rows[] = {
    {"GET", request, true},
    {"a body under way",
     "POST http://example.com/x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 9\r\n\r\nhalf",
     true},
    {"two requests in a row", request + request, true},
    {"CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", false},
    {"SOCKS", socks_request(socks_connect, "example.com", 443), false},
  };
  for (const auto& [what, said, answered] : rows) {
    CAF_MESSAGE(what);
    scene s;
    auto& client = std::string_view{what} == "SOCKS" ? socks_client(s) : s.who;
    s.ask_about_all(unlisted);
    client.say(said);
    CAF_REQUIRE(s.asks(1));
    client.finish();
    s.pass(10ms);
    CAF_CHECK(s.told->withdrawn == std::vector{s.asked().number});
    CAF_CHECK_EQUAL(s.hears(client, "HTTP/1.1 403 Blocked by policy: not_allowed example.com", 1s),
                    answered);
    s.say(policy::decision::allow); // falls on nothing
    CAF_CHECK(!s.is_called(s.at, 1s));
    CAF_CHECK(s.is_over(client, 1s));
    CAF_CHECK_EQUAL(s.told->open.size(), 0u);
    CAF_CHECK_EQUAL(s.events.empty(), !answered);
    for (const auto& each : s.events) {
      CAF_CHECK(each->reason == policy::reason::not_allowed);
      CAF_CHECK(each->source == policy::source::baseline_policy);
    }
  }
}

CAF_TEST(nobody is asked for a client that has left already) {
  scene s;
  s.ask_about_all(unlisted);
  s.who.say(request);
  s.who.finish();
  CAF_CHECK(s.hears(s.who, "HTTP/1.1 403 Blocked by policy: not_allowed example.com", 1s));
  CAF_CHECK_EQUAL(s.told->open.size(), 0u);
  CAF_CHECK_EQUAL(s.told->withdrawn.size(), 0u);
}

CAF_TEST(a word counts under the policy of when it comes) {
  struct row {
    const char* network;
    const char* method;
    policy::decision word;
    bool passes;
  } rows[] = {
    {"allowed_domains = [\"example.com\"]", "GET", policy::decision::deny,
     true}, // now it is listed
    {"denied_domains = [\"example.com\"]", "GET", policy::decision::allow, false},
    {"denied_domains = [\"93.184.216.34\"]", "GET", policy::decision::allow, false},
    {"mode = \"limited\"", "GET", policy::decision::allow, true},
    {"mode = \"limited\"", "POST", policy::decision::allow, false},
    {"", "GET", policy::decision::allow, true},
  };
  for (const auto& [network, method, word, passes] : rows) {
    CAF_MESSAGE(method << " and then " << network);
    scene s;
    s.ask_about_all(unlisted);
    auto& client =
      s.hold(std::string{method} + " http://example.com/ HTTP/1.1\r\nHost: example.com\r\n"
                                   "Content-Length: 0\r\n\r\n");
    s.ask_about_all(network);
    s.say(word);
    if (passes)
      CAF_CHECK(s.is_called(s.at));
    else
      CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
    CAF_CHECK(s.asks(0)); // nobody is asked twice
    s.pass(1s);
    CAF_CHECK_EQUAL(s.events.size(), 1u);
  }
}

CAF_TEST(a word holds when the policy changes while the request is dialled) {
  for (auto at_name : {true, false}) {
    scene s;
    s.ask_about_all(unlisted);
    if (at_name)
      s.names.names["example.com"].late = 1s;
    simulation::conditions way;
    way.delay = 500ms;
    s.set_way(s.at.on, way);
    auto& client = s.hold(request);
    s.say(policy::decision::allow);
    size_t dials = 0;
    s.here.on_connect = [&](const ip_sockaddr& to) { dials += to.port() == 80 ? 1 : 0; };
    CAF_REQUIRE(s.until([&] { return at_name ? !s.names.asked.empty() : dials == 1; }));
    s.ask_about_all(unlisted);
    auto* made = &s.accept(s.at);
    while (!at_name && !s.hears(*made, "GET", 2s)) // given up: begun under a policy of before
      made = &s.accept(s.at);
    auto& origin = *made;
    CAF_CHECK(s.hears(origin, "GET /x HTTP/1.1\r\n"));
    origin.say(ok("hello"));
    CAF_CHECK(s.hears(client, "hello"));
    CAF_CHECK(s.asks(0));
    s.check_decided("allow http example.com:80 allow");
    s.here.on_connect = nullptr;
  }
}

CAF_TEST(who asks is judged again when the word comes) {
  const std::string alice = "socks_users = { alice = \"env:ALICE\" }\n";
  for (auto removed : {false, true}) {
    scene s{{.network = unlisted,
             .daemon = alice,
             .environment = {{"ALICE", "secret"}, {"BOB", "hidden"}}}};
    s.ask_about_all(unlisted, alice);
    auto& client =
      s.hold(get("http://example.com/", "Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n"));
    CAF_CHECK_EQUAL(s.asked().user, "alice");
    s.ask_about_all(unlisted, removed ? "socks_users = { bob = \"env:BOB\" }\n" : alice);
    s.say(policy::decision::allow);
    if (removed)
      CAF_CHECK(s.hears(client, "HTTP/1.1 407"));
    CAF_CHECK_EQUAL(s.is_called(s.at, 1s), !removed);
  }
}
