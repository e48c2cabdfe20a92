#define CAF_SUITE actors.flows.socks5_udp_policy
#include "actors/serve/socks5/association.hpp" // unit under test

#include "tests/actors/flows/udp_stage.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

using served = udp_stage;

const std::string with_users = R"(socks_users = {alice = "env:ALICE"})";

/// The reply to an ASSOCIATE of a client that has shown who it is.
party& ask_as_alice(stage& s, const std::string& host, uint16_t port) {
  auto& control = s.client(1080);
  control.say(socks_greeting("\2") + socks_login("alice", "s3cret"));
  CAF_REQUIRE(s.hears(control, "\5\2\1\0"s));
  control.forget();
  control.say(socks_request(socks_associate, host, port));
  CAF_CHECK(socks_reply(s, control) >= 0);
  return control;
}

} // namespace

CAF_TEST(refused targets get nothing and each verdict is told once) {
  struct row {
    std::string host, reason;
  };
  served s;
  s.names.names["inside.test"] = {.addresses = {ip("10.0.0.1")}};
  s.names.names["both.test"] = {.addresses = {ip("93.184.216.34"), ip("10.0.0.1")}};
  auto open = associate(s);
  auto expected = 0;
  for (const auto& [host, reason] : std::initializer_list<row>{
         {"example.org", "not_allowed"},
         {"93.184.216.36", "not_allowed"},
         {"10.0.0.1", "not_allowed_local"},
         {"inside.test", "not_allowed_local"},
         {"both.test", "not_allowed_local"}, // whichever of its addresses would be taken
         {"169.254.169.254", "not_allowed_local"},
         {"127.0.0.1", "not_allowed_local"},
         {"224.0.0.1", "not_allowed_local"},
         {"fe80::1", "not_allowed_local"},
       }) {
    CAF_MESSAGE(host);
    auto before = s.events.size();
    for (int i = 0; i < 5; ++i) {
      s.send(open, host, "secret");
      // Closed for a minute, judged anew then: the verdict is no news.
      s.pass(i < 3 ? 1s : 61s);
    }
    expected += 5;
    CAF_REQUIRE_EQUAL(s.events.size(), before + 1);
    auto told = s.decisions().back();
    CAF_CHECK_EQUAL(told, "deny socks5_udp " + host + ":53 " + reason);
  }
  CAF_CHECK(dropped(s, "refused") == expected);
  CAF_CHECK(!s.at.hears("secret", 1s));
  CAF_CHECK(!s.is_over(open.control, 0s));
}

CAF_TEST(a policy that changes is told of a target once for each verdict) {
  served s;
  auto open = associate(s);
  auto judged = [&](const std::string& network, const std::string& told) {
    auto before = s.events.size();
    s.install(network);
    for (int i = 0; i < 3; ++i) {
      s.send(open, "good.test", told);
      s.pass(1s);
    }
    s.at.move();
    CAF_CHECK(s.at.heard.size() == (told.starts_with("allow") ? 3 : 0));
    s.at.heard.clear();
    CAF_CHECK_EQUAL(s.events.size(), before + 1);
    auto last = s.decisions().back();
    CAF_CHECK_EQUAL(last, told);
  };
  const auto none = "allowed_domains = [\"other.test\"]"s;
  judged(udp_allowed, "allow socks5_udp good.test:53 allow");
  judged(none, "deny socks5_udp good.test:53 not_allowed");
  judged(udp_allowed + "\ndenied_domains = [\"good.test\"]", "deny socks5_udp good.test:53 denied");
  judged(udp_allowed, "allow socks5_udp good.test:53 allow");
}

CAF_TEST(a change while an association is open holds for all that comes after it) {
  struct row {
    std::string name, network, daemon;
    bool stays, passes;
  };
  const row rows[] = {
    {"nothing", udp_allowed, "", true, true},
    {"one more name", R"(allowed_domains = ["**.test", "more.example"])", "", true, true},
    {"not allowed", R"(allowed_domains = ["other.test"])", "", true, false},
    {"address denied", udp_allowed + "\ndenied_domains = [\"93.184.216.34\"]", "", true, false},
    {"another address of it denied", udp_allowed + "\ndenied_domains = [\"93.184.216.35\"]", "",
     true, false},
    {"limited", udp_allowed + "\nmode = \"limited\"", "", false, false},
    {"no UDP", udp_allowed + "\nenable_socks5_udp = false", "", false, false},
    {"no SOCKS", udp_allowed + "\nenable_socks5 = false", "", false, false},
    {"users", udp_allowed, with_users, false, false},
  };
  for (const auto& [name, network, daemon, stays, passes] : rows)
    for (auto resolving : {true, false}) {
      CAF_MESSAGE(name << (resolving ? " while resolving" : ""));
      served s{{.network = udp_allowed, .environment = {{"ALICE", "s3cret"}}}};
      s.names.names["two.test"] = {.addresses = {ip("93.184.216.34"), ip("93.184.216.35")},
                                   .late = resolving ? 900ms : 0ms};
      auto open = associate(s);
      s.send(open, "two.test", "before");
      CAF_CHECK(s.at.hears("before", 500ms) == !resolving);
      s.install(network, daemon);
      CAF_CHECK(s.is_over(open.control, 0s) == !stays);
      if (!stays)
        CAF_CHECK_EQUAL(open.control.error, ECONNRESET);
      s.pass(2s);
      s.at.move();
      CAF_CHECK_EQUAL(s.at.heard.size(), !resolving || passes ? 1u : 0u);
      s.send(open, "two.test", "after");
      CAF_CHECK(s.at.hears("after", 2s) == passes);
      // Answers to what was let through before are as forbidden as more questions.
      if (!resolving) {
        s.at.send(s.at.last_from, "answer");
        CAF_CHECK(s.mine.hears(socks_datagram("two.test", 53, "answer"), 1s) == passes);
      }
    }
}

CAF_TEST(without UDP its command is not there and where the mode forbids it that is said) {
  struct row {
    std::string network;
    int code;
    policy::reason reason;
  };
  for (const auto& [network, code, reason] : std::initializer_list<row>{
         {"enable_socks5_udp = false", 7, policy::reason::proxy_disabled},
         {"mode = \"limited\"", 2, policy::reason::method_not_allowed},
       }) {
    served s{{.network = network}};
    auto& control = socks_client(s);
    control.say(socks_request(socks_associate, "0.0.0.0", 0));
    CAF_CHECK(socks_reply(s, control) == code);
    CAF_CHECK(s.is_over(control, 1s));
    s.pass(1s);
    CAF_REQUIRE_EQUAL(s.events.size(), 1u);
    CAF_CHECK(s.events[0]->is_refusal());
    CAF_CHECK(s.events[0]->reason == reason);
    CAF_CHECK(s.events[0]->protocol == policy::protocol::socks5_udp);
  }
}

CAF_TEST(fragments and what is no datagram of SOCKS are dropped and take no association) {
  served s;
  auto open = associate(s);
  udp_end stray{s, s.user, "192.0.2.9"};
  auto to = socks_address("93.184.216.34", 53);
  const std::string bad[] = {"",
                             "\0\0"s,
                             "\1\0\0"s + to,
                             "\0\0\0\x09"
                             "abc"s,
                             "\0\0\0\3\0\0\x50"s,
                             "\0\0\0"s + to.substr(0, 5),
                             "\x12\x34\x81\x80 a late answer of a name server"s};
  for (const auto& each : bad)
    stray.send(open.relay, each);
  stray.send(open.relay, "\0\0\1"s + to + "a fragment");
  s.pass(1s);
  CAF_CHECK(dropped(s, "malformed") == static_cast<int>(std::size(bad)));
  CAF_CHECK(dropped(s, "fragment") == 1);
  s.send(open, "93.184.216.34", "mine");
  CAF_CHECK(s.at.hears("mine"));
  stray.send(open.relay, "\0\0\0"s + to + "not mine");
  CAF_CHECK(!s.at.hears("not mine", 1s));
  CAF_CHECK(dropped(s, "foreign") == 1);
  // Understood, but no place to send to: closed without a word.
  auto events = s.events.size();
  s.mine.send(open.relay, socks_datagram("93.184.216.34", 0, "port 0"));
  s.mine.send(open.relay, socks_datagram("bad..name", 53, "no host"));
  s.pass(1s);
  CAF_CHECK(dropped(s, "refused") == 2);
  CAF_CHECK_EQUAL(s.events.size(), events);
}

CAF_TEST(whose datagrams are taken follows from what the client says and where users are set) {
  enum class sender { mine, second, elsewhere };
  struct row {
    std::string host;
    bool names_port; ///< That of `mine`, or of `elsewhere`.
    bool users;
    sender taken;               ///< Whose first datagram is taken.
    std::vector<sender> others; ///< Whose are not, though they come first.
  };
  const row rows[] = {
    // Without users an address is believed only where the client is connected from.
    {"0.0.0.0", false, false, sender::second, {sender::elsewhere}},
    {"0.0.0.0", true, false, sender::second, {sender::elsewhere}},
    {"192.0.2.9", false, false, sender::second, {sender::elsewhere}},
    {"192.0.2.9", true, false, sender::mine, {sender::elsewhere, sender::second}},
    {"::ffff:192.0.2.9", true, false, sender::mine, {sender::elsewhere, sender::second}},
    {"192.0.2.8", true, false, sender::second, {sender::elsewhere}},
    {"2001:db8::9", true, false, sender::second, {sender::elsewhere}},
    {"some.name", true, false, sender::second, {sender::elsewhere}},
    // With them the client is.
    {"0.0.0.0", false, true, sender::second, {sender::elsewhere}},
    {"::", true, true, sender::mine, {sender::elsewhere, sender::second}},
    {"some.name", true, true, sender::mine, {sender::elsewhere, sender::second}},
    {"192.0.2.8", true, true, sender::elsewhere, {sender::mine, sender::second}},
    {"192.0.2.8", false, true, sender::elsewhere, {sender::mine, sender::second}},
    {"::ffff:192.0.2.8", true, true, sender::elsewhere, {sender::mine, sender::second}},
  };
  for (const auto& [host, names_port, users, taken, others] : rows) {
    CAF_MESSAGE(host << (names_port ? " with its port" : "") << (users ? " with users" : ""));
    served s{{.network = udp_allowed,
              .daemon = users ? with_users : "",
              .environment = {{"ALICE", "s3cret"}}}};
    udp_end second{s, s.user, "192.0.2.9"};
    udp_end elsewhere{s, s.place("192.0.2.8"), "192.0.2.8"};
    auto end_of = [&](sender who) -> udp_end& {
      return who == sender::mine ? s.mine : who == sender::second ? second : elsewhere;
    };
    auto& owner = taken == sender::elsewhere ? elsewhere : s.mine;
    uint16_t port = names_port ? owner.port() : 0;
    auto open = users ? associated{ask_as_alice(s, host, port), {}} : associate(s, host, port);
    open.relay = relay_of(open.control);
    for (auto who : others)
      end_of(who).send(open.relay, socks_datagram("93.184.216.34", 53, "stranger"));
    CAF_CHECK(!s.at.hears("stranger", 1s));
    CAF_CHECK(dropped(s, "foreign") == static_cast<int>(others.size()));
    end_of(taken).send(open.relay, socks_datagram("93.184.216.34", 53, "mine"));
    CAF_CHECK(s.at.hears("mine"));
    s.at.send(s.at.last_from, "answer");
    CAF_CHECK(end_of(taken).hears(socks_datagram("93.184.216.34", 53, "answer")));
    auto user = users ? "alice"s : ""s;
    CAF_CHECK_EQUAL(s.events.back()->user, user);
  }
}

CAF_TEST(a sender of the other family cannot be waited for) {
  served s{{.network = udp_allowed, .daemon = with_users, .environment = {{"ALICE", "s3cret"}}}};
  auto sockets = s.here.sockets();
  auto& control = ask_as_alice(s, "2001:db8::9", 5000);
  CAF_CHECK_EQUAL(control.text[1], '\x08');
  CAF_CHECK(s.is_over(control, 1s));
  control.close();
  s.pass(3s);
  CAF_CHECK_EQUAL(s.here.sockets(), sockets);
}
