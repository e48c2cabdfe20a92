#define CAF_SUITE actors.flows.asked_udp
#include "actors/serve/socks5/association.hpp" // unit under test

#include "tests/actors/flows/deciding.hpp"
#include "tests/actors/flows/udp_stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// Targets of datagrams that need somebody's word: the first datagram waits for it.

namespace {

struct scene : deciding<udp_stage> {
  explicit scene(const std::string& daemon = "")
    : deciding({.network = unlisted, .daemon = daemon}), daemon_(daemon) {
    ask_about_all(unlisted, daemon);
  }

  using udp_stage::send;
  void send(const std::string& host, std::string_view data) { send(open, host, data); }
  void change_to(const std::string& network) { ask_about_all(network, daemon_); }

  associated open = associate(*this); ///< Before the listeners go with the policy that asks.

private:
  std::string daemon_;
};

} // namespace

CAF_TEST(the first datagram waits for the word and goes by it) {
  struct row {
    policy::decision word;
    const char* words;
    const char* decided;
  } rows[] = {
    {policy::decision::allow, "", "allow socks5_udp good.test:53 allow"},
    {policy::decision::deny, "not today", "deny socks5_udp good.test:53 not today"},
    {policy::decision::deny, "", "deny socks5_udp good.test:53 policy_denied"},
    {policy::decision::ask, "ask the owner", "deny socks5_udp good.test:53 ask the owner"},
  };
  for (const auto& [word, words, decided] : rows) {
    CAF_MESSAGE(decided);
    auto allowed = word == policy::decision::allow;
    scene s;
    for (auto data : {"first", "second", "third"})
      s.send("good.test", data);
    CAF_REQUIRE(s.asks(1));
    const auto& what = s.asked();
    CAF_CHECK(what.to.protocol == policy::protocol::socks5_udp);
    CAF_CHECK(what.to.host.text() == "good.test" && what.to.port == 53);
    CAF_CHECK(what.client.starts_with("192.0.2.9:"));
    s.pass(20s);
    CAF_CHECK(s.asks(1) && s.names.asked.empty() && s.events.empty());
    s.say(word, words);
    CAF_CHECK_EQUAL(s.at.hears("first", 1s), allowed);
    s.send("good.test", "fourth");
    CAF_CHECK_EQUAL(s.at.hears("fourth", 1s), allowed);
    CAF_CHECK_EQUAL(s.at.heard.size(), allowed ? 2u : 0u);
    CAF_CHECK(s.asks(0));
    s.check_decided(decided);
  }
}

CAF_TEST(who is refused is asked about again after a while) {
  scene s;
  s.send("good.test", "first");
  CAF_REQUIRE(s.asks(1));
  s.say(policy::decision::deny);
  s.pass(30s);
  s.send("good.test", "second");
  CAF_CHECK(!s.asks(1));
  s.pass(30s);
  s.send("good.test", "third");
  CAF_REQUIRE(s.asks(1));
  s.say(policy::decision::allow);
  CAF_CHECK(s.at.hears("third"));
}

CAF_TEST(a target that nobody has a word on in time is refused) {
  scene s;
  s.send("good.test", "first");
  CAF_REQUIRE(s.asks(1));
  s.pass(29s + 900ms);
  CAF_CHECK(s.events.empty());
  s.pass(200ms);
  s.check_decided("deny socks5_udp good.test:53 decider_timeout");
  CAF_CHECK(s.told->withdrawn == std::vector{s.asked().number});
  CAF_CHECK(s.log().find("msg=decider_silent host=good.test port=53") != std::string::npos);
  s.say(policy::decision::allow); // falls on nothing
  CAF_CHECK(!s.at.hears("first", 1s));
}

CAF_TEST(a word falls on nothing when its target or its association has gone) {
  for (auto all : {false, true}) {
    CAF_MESSAGE((all ? "association" : "target"));
    scene s{"limits.max_udp_targets = 1\n"};
    s.send("good.test", "first");
    CAF_REQUIRE(s.asks(1));
    if (all)
      s.open.control.close();
    else
      s.send("93.184.216.35", "other");
    CAF_CHECK(s.asks(all ? 1 : 2));
    s.pass(1s);
    CAF_CHECK(s.told->withdrawn == std::vector{s.asked().number});
    s.say(policy::decision::allow);
    CAF_CHECK_EQUAL(s.other.hears("other", 1s), !all);
    CAF_CHECK(s.at.heard.empty());
    CAF_CHECK_EQUAL(s.events.size(), all ? 0u : 1u);
  }
}

CAF_TEST(an association has few questions open at once) {
  scene s;
  constexpr size_t most = 16;
  for (size_t i = 0; i < 2 * most; ++i)
    s.send("h" + std::to_string(i) + ".test", "first");
  CAF_CHECK(s.asks(most));
  s.pass(1s);
  CAF_CHECK(s.asks(most));
  s.say(policy::decision::deny);
  s.pass(1s);
  for (size_t i = 0; i < 2 * most; ++i)
    s.send("h" + std::to_string(i) + ".test", "second");
  CAF_CHECK(s.asks(most)); // of those that were not asked about
  s.say(policy::decision::deny);
}

CAF_TEST(a word counts under the policy of when it comes) {
  struct row {
    const char* network;
    policy::decision word;
    bool passes;
  } rows[] = {
    {"allowed_domains = [\"good.test\"]", policy::decision::deny, true}, // now it is listed
    {"denied_domains = [\"good.test\"]", policy::decision::allow, false},
    {"denied_domains = [\"93.184.216.34\"]", policy::decision::allow, false},
    {"", policy::decision::allow, true},
  };
  for (const auto& [network, word, passes] : rows) {
    CAF_MESSAGE(network);
    scene s;
    s.send("good.test", "first");
    CAF_REQUIRE(s.asks(1));
    s.change_to(network);
    s.say(word);
    CAF_CHECK_EQUAL(s.at.hears("first", 1s), passes);
    CAF_CHECK(s.asks(0)); // nobody is asked twice
    CAF_CHECK_EQUAL(s.events.size(), 1u);
  }
}
