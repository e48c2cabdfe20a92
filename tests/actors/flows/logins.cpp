#define CAF_SUITE actors.flows.logins
#include "actors/serve/client/users.hpp" // unit under test

#include "tests/actors/flows/socks_client.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

const std::string allowed = R"(allowed_domains = ["good.test"])";
const std::string alice = R"(socks_users = {alice = "env:ALICE"})";
const std::string longest(255, 'x');

std::string base64(std::string_view text) {
  static constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = i; k < i + 3; ++k)
      bits = bits << 8 | (k < text.size() ? static_cast<uint8_t>(text[k]) : 0u);
    for (size_t k = 0; k < 4; ++k)
      out += i + k <= text.size() ? digits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string basic(std::string_view login) {
  return "Proxy-Authorization: Basic " + base64(login) + "\r\n";
}

struct served : stage {
  explicit served(std::string users = alice)
    : stage({.network = allowed,
             .daemon = std::move(users),
             .environment = {
               {"ALICE", "s3cret"}, {"OTHER", "changed"}, {"BOB", "hunter2"}, {"LONG", longest}}}) {
    names.names["good.test"] = {.addresses = {ip("93.184.216.34")}};
  }
  origin& at = serve_at("93.184.216.34", 80);

  /// A client of SOCKS that has said so much.
  party& says(const std::string& bytes) {
    auto& who = client(1080);
    who.say(bytes);
    return who;
  }
};

const std::string asks_login = "\5\2\0\2"s; ///< A greeting that takes either method.
const std::string goes = socks_request(socks_connect, "good.test", 80);

} // namespace

CAF_TEST(each request of HTTP shows who asks and what does not is answered 407) {
  struct row {
    std::string fields;
    bool right;
  };
  for (const auto& [fields, right] : std::initializer_list<row>{
         {"", false},
         {basic("alice:s3cret"), true},
         {basic("longest:" + longest), true},
         {"proxy-authorization: bAsIc " + base64("alice:s3cret") + "\r\n", true},
         {basic("alice:s3cret") + basic("alice:s3cret"), true},
         {basic("alice:s3cret") + basic("bob:hunter2"), false},
         {basic("alice:s3cret") + basic("alice:wrong"), false},
         {basic("alice:S3cret"), false},
         {basic("alice:s3cret "), false},
         {basic("alice:s3cre"), false},
         {basic("alice:"), false},
         {basic("alice"), false},
         {basic("same"), false}, // whose password is her name
         {basic("Alice:s3cret"), false},
         {basic("bob:s3cret"), false},
         {basic("nobody:s3cret"), false},
         {basic(":s3cret"), false},
         {basic("longest:" + longest + "x"), false},
         {basic("longest:" + longest.substr(1)), false},
         {"Proxy-Authorization: Basic !!!\r\n", false},
         {"Proxy-Authorization: Basic\r\n", false},
         {"Proxy-Authorization: Bearer s3cret\r\n", false},
         {"Authorization: Basic " + base64("alice:s3cret") + "\r\n", false},
       }) {
    CAF_MESSAGE(fields.substr(0, 80));
    served s{R"(socks_users = {alice = "env:ALICE", bob = "env:BOB", longest = "env:LONG"})"};
    auto& client = s.client();
    client.say(get("http://good.test/", fields));
    if (right) {
      auto& origin = s.accept(s.at);
      CAF_CHECK(s.hears(origin, "\r\n\r\n"));
      CAF_CHECK(!has(origin.text, "roxy-Auth"));
      s.pass(1s);
      CAF_REQUIRE_EQUAL(s.events.size(), 1u);
      auto user = has(fields, base64("alice:s3cret")) ? "alice"s : "longest"s;
      CAF_CHECK_EQUAL(s.events.back()->user, user);
    } else {
      CAF_CHECK(s.hears(client, "HTTP/1.1 407"));
      CAF_CHECK(s.hears(client, "proxy-authenticate: Basic realm=\"codex-network-proxy\""));
      s.pass(1s);
      CAF_REQUIRE_EQUAL(s.events.size(), 1u);
      CAF_CHECK(s.events[0]->reason == policy::reason::client_required);
      CAF_CHECK_EQUAL(s.events[0]->user, "");
      CAF_CHECK_EQUAL(s.events[0]->host, "good.test");
      CAF_CHECK(!s.is_called(s.at, 1s));
    }
  }
}

CAF_TEST(a login holds for one request alone and the connection can be used again) {
  served s;
  auto& client = s.client();
  auto ask = [&](const std::string& fields, std::string_view status) {
    client.forget();
    client.say(get("http://denied.test/", fields));
    CAF_CHECK(s.hears(client, status));
  };
  ask("", "HTTP/1.1 407");
  ask(basic("alice:s3cret"), "HTTP/1.1 403");
  ask("", "HTTP/1.1 407");
  ask(basic("alice:wrong"), "HTTP/1.1 407");
  ask(basic("alice:s3cret"), "HTTP/1.1 403");
  CAF_CHECK(!client.is_over());
  s.pass(1s);
  std::vector<std::string> users;
  for (const auto& each : s.events)
    users.push_back(each->user);
  CAF_CHECK(users == (std::vector<std::string>{"", "alice", "", "", "alice"}));
}

CAF_TEST(a CONNECT shows who asks too and what is in its tunnel need not ) {
  served s;
  for (auto right : {true, false}) {
    auto& client = s.client();
    client.say("CONNECT good.test:80 HTTP/1.1\r\nHost: good.test:80\r\n" +
               (right ? basic("alice:s3cret") : "") + "\r\n");
    CAF_CHECK(s.hears(client, right ? "HTTP/1.1 200" : "HTTP/1.1 407"));
    if (!right)
      continue;
    client.say("GET / HTTP/1.1\r\n\r\n");
    CAF_CHECK(s.hears(s.accept(s.at), "GET / HTTP/1.1\r\n\r\n"));
  }
}

CAF_TEST(a wrong login is answered half a second later over either protocol and one less at once) {
  struct row {
    uint16_t port;
    std::string sent, heard;
    bool held_back;
  };
  const auto wrong = socks_login("alice", "wrong");
  for (const auto& [port, sent, heard, held_back] : std::initializer_list<row>{
         {3128, get("http://good.test/"), "407", false},
         {3128, get("http://good.test/", basic("alice:wrong")), "407", true},
         {1080, socks_greeting("\0"s), "\5\xff", false},
         {1080, asks_login + wrong, "\5\2\1\1", true},
         {1080, asks_login + "\7\5alice\6s3cret", "\5\2\1\1", false}, // no version that there is
         {1080, asks_login + "\1\0\6s3cret"s, "\5\2\1\1", false},
         {1080, asks_login + socks_login("alice", "s3cret"), "\5\2\1\0"s, false},
       }) {
    served s;
    auto& client = s.client(port);
    client.say(sent);
    CAF_CHECK(s.hears(client, heard, 490ms) == !held_back);
    CAF_CHECK(s.hears(client, heard, 50ms));
  }
}

CAF_TEST(whoever leaves or meets a drain while it is held back waits no longer) {
  for (auto drains : {true, false})
    for (uint16_t port : {uint16_t{3128}, uint16_t{1080}}) {
      served s;
      auto& client = s.client(port);
      client.say(port == 1080 ? asks_login + socks_login("alice", "wrong")
                              : get("http://good.test/", basic("alice:wrong")));
      s.pass(100ms);
      if (drains) {
        auto drained = s.drain();
        CAF_CHECK(s.hears(client, port == 1080 ? "\1\1" : "407", 10ms));
        client.close();
        CAF_CHECK(s.until([&] { return drained->has_value(); }, 3s));
      } else {
        client.reset();
        s.pass(10ms);
        CAF_CHECK(s.process->total_connections() == 0);
      }
    }
}

CAF_TEST(a client of SOCKS shows who it is by user and password) {
  struct row {
    std::string login;
    bool right;
  };
  for (const auto& [login, right] : std::initializer_list<row>{
         {socks_login("alice", "s3cret"), true},
         {socks_login("longest", longest), true},
         {socks_login("longest", longest.substr(1)), false},
         {socks_login("alice", "S3cret"), false},
         {socks_login("alice", ""), false},
         {socks_login("bob", "s3cret"), false},
         {socks_login("alice\0"s, "s3cret"), false},
         {socks_login("alice", "s3cret\0"s), false},
       })
    for (auto at_once : {true, false}) {
      served s{R"(socks_users = {alice = "env:ALICE", bob = "env:BOB", longest = "env:LONG"})"};
      auto& client = s.says(at_once ? asks_login + login + goes + "early" : asks_login);
      for (auto byte : at_once ? ""s : login + goes + "early") {
        client.say({&byte, 1});
        s.pass(1ms);
      }
      if (right) {
        CAF_CHECK(s.hears(s.accept(s.at), "early"));
        CAF_CHECK(s.hears(client, "\5\2\1\0\5\0\0\1"s));
        s.pass(1s);
        CAF_REQUIRE_EQUAL(s.events.size(), 1u);
        auto user = login.substr(2, static_cast<size_t>(login[1]));
        CAF_CHECK_EQUAL(s.events.back()->user, user);
      } else {
        // What stands behind a wrong login is never served.
        CAF_CHECK(s.is_over(client, 3s));
        CAF_CHECK_EQUAL(client.text, "\5\2\1\1");
        s.pass(1s);
        CAF_REQUIRE_EQUAL(s.events.size(), 1u);
        CAF_CHECK(s.events[0]->reason == policy::reason::client_required);
        CAF_CHECK_EQUAL(s.events[0]->user, "");
        CAF_CHECK(!s.is_called(s.at, 1s));
      }
    }
}

CAF_TEST(a login that stalls or is broken off leaves nothing behind) {
  enum class how { stalls, leaves, resets };
  for (auto then : {how::stalls, how::leaves, how::resets})
    for (std::string said : {""s, "\1"s, "\1\5al"s, "\1\5alice\6s3"s}) {
      served s;
      s.pass(1s);
      auto sockets = s.here.sockets();
      auto& client = s.says(asks_login + said);
      CAF_CHECK(s.hears(client, "\5\2"));
      if (then == how::leaves)
        client.finish();
      else if (then == how::resets)
        client.reset();
      CAF_CHECK(then != how::stalls || !s.is_over(client, 29s));
      if (then == how::stalls)
        CAF_CHECK(s.hears(client, "\5\2\1\1", 2s));
      s.pass(4s);
      CAF_CHECK_EQUAL(s.here.sockets(), sockets);
      CAF_CHECK(s.events.empty());
    }
}

CAF_TEST(who it is stands in what is blocked and open and in no secret) {
  served s;
  auto& client = s.says(asks_login + socks_login("alice", "s3cret") + goes);
  CAF_CHECK(s.hears(client, "\5\0\0\1"s));
  auto& denied = s.client();
  denied.say(get("http://denied.test/", basic("alice:s3cret")));
  CAF_CHECK(s.hears(denied, "403"));
  denied.say(get("http://denied.test/", basic("alice:wr0ng")));
  CAF_CHECK(s.hears(denied, "407"));
  auto blocked = ask_admin(s, "GET /blocked");
  CAF_CHECK(has(blocked, R"("user":"alice")"));
  CAF_CHECK(has(blocked, R"("reason":"client_required")"));
  auto open = ask_admin(s, "GET /connections");
  CAF_CHECK(has(open, R"("state":"tunnel","protocol":"socks5_tcp","host":"good.test")"));
  CAF_CHECK(has(open, R"("user":"alice")"));
  auto all = blocked + open + ask_admin(s, "GET /config") + s.log() + denied.text;
  CAF_CHECK(!has(all, "s3cret"));
  CAF_CHECK(!has(all, "wr0ng"));
}

CAF_TEST(whoever is a user no longer is cut off and whoever is one stays) {
  struct row {
    std::string users;
    bool stays;
  };
  for (const auto& [users, stays] : std::initializer_list<row>{
         {alice, true},
         {R"(socks_users = {bob = "env:BOB", alice = "env:ALICE"})", true},
         {"", true}, // nobody is asked any more
         {R"(socks_users = {alice = "env:OTHER"})", false},
         {R"(socks_users = {bob = "env:BOB"})", false},
         {R"(socks_users = {bob = "env:ALICE"})", false},
       })
    for (auto open : {true, false}) {
      CAF_MESSAGE(users << (open ? " open" : " dialling"));
      served s;
      simulation::conditions far;
      far.delay = 1s;
      s.set_way(s.place("93.184.216.34"), far);
      auto& socks = s.says(asks_login + socks_login("alice", "s3cret") + goes);
      auto& http = s.client();
      http.say("CONNECT good.test:80 HTTP/1.1\r\nHost: good.test:80\r\n" + basic("alice:s3cret") +
               "\r\n");
      auto& relay = s.says(asks_login + socks_login("alice", "s3cret") +
                           socks_request(socks_associate, "0.0.0.0", 0));
      s.pass(open ? 3s : 500ms);
      s.install(allowed, users);
      s.pass(6s);
      CAF_CHECK(socks.is_over() == !stays);
      CAF_CHECK(relay.is_over() == !stays);
      CAF_CHECK(has(socks.text, "\1\0\5\0"s) == (open || stays));
      CAF_CHECK(has(http.text, "HTTP/1.1 200") == (open || stays));
      if (!open && !stays) {
        CAF_CHECK(has(socks.text, "\1\0\5\2"s));
        CAF_CHECK(has(http.text, "HTTP/1.1 407"));
      } else {
        CAF_CHECK(http.is_over() == !stays);
      }
    }
}

CAF_TEST(users that are set or changed while a client logs in are those that it is compared with) {
  struct row {
    std::string before, after, password;
    std::string heard;
  };
  const auto other = R"(socks_users = {alice = "env:OTHER"})"s;
  for (const auto& [before, after, password, heard] : std::initializer_list<row>{
         {alice, other, "s3cret", "\5\2\1\1"},
         {alice, other, "changed", "\5\2\1\0\5\0\0\1"s},
         {alice, "", "s3cret", "\5\2\1\1"},
         {"", alice, "", "\5\0\5\2\0\1"s}, // greeted as anybody, and nobody by now
         {alice, alice, "s3cret", "\5\2\1\0\5\0\0\1"s},
       }) {
    CAF_MESSAGE(before << " to " << after);
    served s{before};
    auto& client = s.says(asks_login);
    CAF_CHECK(s.hears(client, before.empty() ? "\5\0"s : "\5\2"s));
    s.install(allowed, after);
    client.say((password.empty() ? "" : socks_login("alice", password)) + goes);
    CAF_CHECK(s.hears(client, heard, 5s));
    CAF_CHECK(client.text.starts_with(heard));
  }
}
