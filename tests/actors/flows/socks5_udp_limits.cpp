#define CAF_SUITE actors.flows.socks5_udp_limits
#include "actors/serve/socks5/association.hpp" // unit under test

#include "tests/actors/flows/deciding.hpp"
#include "tests/actors/flows/udp_stage.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

using served = udp_stage;

} // namespace

CAF_TEST(an association too many is refused until another one ends) {
  served s{{.network = udp_allowed, .daemon = "limits.max_udp_associations = 2"}};
  auto first = associate(s);
  auto second = associate(s);
  auto sockets = s.here.sockets();
  auto& third = socks_client(s);
  third.say(socks_request(socks_associate, "0.0.0.0", 0));
  CAF_CHECK(socks_reply(s, third) == 1);
  CAF_CHECK(s.is_over(third, 1s));
  third.close();
  s.pass(3s);
  CAF_CHECK(s.events.back()->fault && s.events.back()->fault->code == errc::overloaded);
  CAF_CHECK_EQUAL(s.here.sockets(), sockets);
  CAF_CHECK(counted(s, "udp_associations_active") == 2);
  first.control.close();
  s.pass(1s);
  auto next = associate(s);
  s.send(next, "93.184.216.34", "hello");
  CAF_CHECK(s.at.hears("hello"));
  CAF_CHECK(!s.is_over(second.control, 0s));
}

CAF_TEST(many targets make room for each other and whoever made room may not answer) {
  served s{{.network = udp_allowed, .daemon = "limits.max_udp_targets = 2"}};
  auto open = associate(s);
  std::deque<udp_end> ends;
  for (uint16_t port = 1000; port < 1006; ++port)
    ends.emplace_back(s, s.place("93.184.216.34"), "93.184.216.34", port);
  for (int round = 0; round < 3; ++round)
    for (auto& each : ends) {
      auto word = "to " + std::to_string(each.port());
      each.heard.clear();
      s.mine.heard.clear();
      s.send(open, "93.184.216.34", word, each.port());
      CAF_CHECK(each.hears(word));
      each.send(each.last_from, "back");
      CAF_CHECK(s.mine.hears(socks_datagram("93.184.216.34", each.port(), "back")));
    }
  s.mine.heard.clear();
  for (size_t i : {0, 3, 4, 5})
    ends[i].send(ends[i].last_from, "late");
  s.pass(1s);
  s.mine.move();
  CAF_CHECK_EQUAL(s.mine.heard.size(), 2u); // of the two that were used last
  CAF_CHECK(dropped(s, "foreign") == 2);
  // All in one batch: what is queued for a target goes before the target does.
  for (auto& each : ends)
    s.send(open, "93.184.216.34", "burst", each.port());
  for (auto& each : ends)
    CAF_CHECK(each.hears("burst"));
}

CAF_TEST(a target that makes room while its name is looked up is forgotten with what waits) {
  served s{{.network = udp_allowed, .daemon = "limits.max_udp_targets = 1"}};
  s.names.names["good.test"].late = 500ms;
  s.names.names["other.test"] = {.addresses = {ip("93.184.216.35")}};
  auto open = associate(s);
  s.send(open, "good.test", "forgotten");
  s.pass(100ms);
  s.send(open, "other.test", "kept");
  CAF_CHECK(s.other.hears("kept", 1s));
  CAF_CHECK(!s.at.hears("forgotten", 1s));
  s.send(open, "good.test", "again");
  CAF_CHECK(s.at.hears("again"));
}

CAF_TEST(an association that finds no descriptor is refused and the next one is served) {
  served s;
  auto& control = socks_client(s);
  s.here.limit_descriptors(s.here.descriptors());
  control.say(socks_request(socks_associate, "0.0.0.0", 0));
  CAF_CHECK(socks_reply(s, control) == 1);
  CAF_CHECK(s.is_over(control, 1s));
  s.pass(3s);
  CAF_CHECK(s.events.back()->fault && s.events.back()->fault->code == errc::system);
  s.here.limit_descriptors(1000);
  auto open = associate(s);
  s.send(open, "93.184.216.34", "hello");
  CAF_CHECK(s.at.hears("hello"));
}

CAF_TEST(of several addresses the first that there is a way to is taken) {
  struct row {
    std::vector<ip_address> addresses;
    bool arrives;
  };
  for (const auto& [addresses, arrives] : std::initializer_list<row>{
         {{ip("93.184.216.34")}, true},
         {{ip("93.184.216.98"), ip("93.184.216.34")}, true},
         {{ip("93.184.216.98"), ip("93.184.216.99"), ip("93.184.216.34")}, true},
         {{ip("93.184.216.98"), ip("93.184.216.99")}, false},
         {{ip("2606:2800::99"), ip("93.184.216.34")}, true},
       }) {
    served s;
    s.names.names["some.test"] = {.addresses = addresses};
    auto open = associate(s);
    s.send(open, "some.test", "hello");
    CAF_CHECK(s.at.hears("hello", 900ms) == arrives);
    if (arrives)
      continue;
    CAF_CHECK(dropped(s, "unsent") == 1);
    s.send(open, "some.test", "closed for a second");
    s.pass(10ms);
    CAF_CHECK(dropped(s, "refused") == 1);
    s.pass(1s);
    s.send(open, "some.test", "tried again");
    s.pass(10ms);
    CAF_CHECK(dropped(s, "unsent") == 2);
    CAF_CHECK_EQUAL(s.events.size(), 1u);
  }
}

CAF_TEST(nothing is sent to where clients of ours send to) {
  const std::string local = "allow_local_binding = true\n"
                            "allowed_domains = [\"192.0.2.1\", \"::ffff:192.0.2.1\", \"me.test\"]";
  for (std::string host : {"192.0.2.1", "::ffff:192.0.2.1", "me.test"}) {
    CAF_MESSAGE(host);
    served s{{.network = local}};
    s.names.names["me.test"] = {.addresses = {ip("192.0.2.1")}};
    auto open = associate(s);
    auto second = associate(s);
    for (const auto* to : {&open, &second}) {
      // What would be unwrapped there once more.
      auto inner = socks_datagram(host, open.relay.port(), "round and round");
      s.send(open, host, inner, to->relay.port());
      s.pass(1s);
      auto told = s.decisions().back();
      auto where = host + ':' + std::to_string(to->relay.port());
      CAF_CHECK_EQUAL(told, "deny socks5_udp " + where + " not_allowed_local");
    }
    CAF_CHECK(counted(s, R"(udp_datagrams_total{direction="up"})") == 0);
    if (ip_address::parse(host) && !ip(host).is_v4())
      continue; // made-up networks know no mapped addresses
    udp_end stranger{s, s.here, "192.0.2.1"};
    auto port = stranger.port();
    s.send(open, host, "none of ours", port);
    CAF_CHECK(stranger.hears("none of ours"));
  }
}

CAF_TEST(where memory is short no target is taken and nothing waits and what is open goes on) {
  served s;
  s.names.names["slow.test"] = {.addresses = {ip("93.184.216.35")}, .late = 500ms};
  auto open = associate(s);
  s.send(open, "93.184.216.34", "open");
  s.send(open, "slow.test", "waits");
  CAF_CHECK(s.at.hears("open"));
  s.process->memory.limit = 0;
  s.send(open, "slow.test", "does not");
  s.send(open, "good.test", "new");
  s.send(open, "93.184.216.34", "still open");
  CAF_CHECK(s.at.hears("still open"));
  CAF_CHECK(s.other.hears("waits", 1s));
  CAF_CHECK_EQUAL(s.at.heard.size(), 2u);
  CAF_CHECK_EQUAL(s.other.heard.size(), 1u);
  s.process->memory.limit = std::numeric_limits<int64_t>::max();
  CAF_CHECK(dropped(s, "refused") == 2);
  s.send(open, "good.test", "later");
  CAF_CHECK(s.at.hears("later"));
}

CAF_TEST(a flood of refused names is counted and told up to a bound until it is old) {
  served s;
  auto open = associate(s);
  for (int i = 0; i < 1100; ++i) {
    s.send(open, "n" + std::to_string(i) + ".example", "x");
    if (i % 100 == 99)
      s.pass(10ms); // a burst beyond what a socket takes is lost
  }
  s.pass(1s);
  CAF_CHECK_EQUAL(s.events.size(), 1024u);
  CAF_CHECK(dropped(s, "refused") == 1100);
  // What is let through is told all the same.
  s.send(open, "good.test", "hello");
  CAF_CHECK(s.at.hears("hello"));
  s.pass(61s);
  CAF_CHECK_EQUAL(s.events.size(), 1025u);
  s.send(open, "one.more.example", "x");
  s.pass(1s);
  CAF_CHECK_EQUAL(s.events.size(), 1026u);
}

CAF_TEST(without anybody to ask a target that needs a word is refused) {
  served s;
  auto open = associate(s);
  ask_about_all(s, udp_allowed);
  s.send(open, "unlisted.example", "x");
  s.pass(1s);
  CAF_REQUIRE_EQUAL(s.events.size(), 1u);
  CAF_CHECK(s.events[0]->is_refusal());
  CAF_CHECK(!s.is_over(open.control, 0s));
}

CAF_TEST(without a descriptor for its upstream a datagram is lost and its target moves on) {
  served s;
  s.names.names["two.test"] = {.addresses = {ip("93.184.216.34"), ip("93.184.216.35")}};
  s.send(associate(s), "two.test", "from now on the name is known");
  CAF_CHECK(s.at.hears("from now on the name is known"));
  auto open = associate(s);
  s.here.limit_descriptors(s.here.descriptors());
  s.send(open, "two.test", "lost"); // by the first address: who knows why it failed
  s.pass(10ms);
  s.here.limit_descriptors(1000);
  CAF_CHECK(dropped(s, "unsent") == 1);
  s.send(open, "two.test", "sent");
  CAF_CHECK(s.other.hears("sent"));
  CAF_CHECK_EQUAL(s.at.heard.size(), 1u);
}

CAF_TEST(datagrams that waited for a name are no silence) {
  stage s{{.network = "allowed_domains = [\"**.test\"]", .daemon = "timeouts.udp_idle = \"3s\""}};
  s.names.names["good.test"] = {.addresses = {ip("93.184.216.34")},
                                .late = std::chrono::seconds{2}};
  udp_end at{s, s.place("93.184.216.34"), "93.184.216.34", 53};
  udp_end mine{s, s.user, "192.0.2.9"};
  auto open = associate(s);
  mine.send(open.relay, socks_datagram("good.test", 53, "hello"));
  CAF_CHECK(at.hears("hello", 2100ms));
  CAF_CHECK(!s.is_over(open.control, 2500ms)); // 2 + 3 s
  CAF_CHECK(s.is_over(open.control, 1s));
}
