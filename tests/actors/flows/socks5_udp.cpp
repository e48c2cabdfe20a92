#define CAF_SUITE actors.flows.socks5_udp
#include "actors/serve/socks5/association.hpp" // unit under test

#include "tests/actors/flows/udp_stage.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

struct served : udp_stage {
  using udp_stage::udp_stage;

  udp_end six{*this, place("2606:2800::1"), "2606:2800::1", 53};

  /// Everything that a name leads to, whichever it is.
  [[nodiscard]] udp_end& end_of(const std::string& host) {
    return host.find("2606") == 0 || host == "six.test" ? six : at;
  }
};

} // namespace

CAF_TEST(datagrams go there and back with the address that the client used) {
  for (std::string host : {"93.184.216.34", "2606:2800::1", "good.test", "GOOD.test", "six.test"}) {
    CAF_MESSAGE(host);
    served s;
    auto open = associate(s);
    auto& far = s.end_of(host);
    for (size_t size : {0u, 1u, 1200u, 9000u, 60'000u}) {
      std::string up(size, 'u'), down(size, 'd');
      far.heard.clear();
      s.mine.heard.clear();
      s.mine.send(open.relay, socks_datagram(host, 53, up));
      CAF_CHECK(far.hears(up));
      CAF_CHECK(far.last_from.ip() ==
                (ip(host == "six.test" || host[0] == '2' ? "2001:db8::1" : "192.0.2.1")));
      far.send(far.last_from, down);
      CAF_CHECK(s.mine.hears(socks_datagram(host, 53, down)));
      CAF_CHECK_EQUAL(far.heard.size(), 1u);
      CAF_CHECK_EQUAL(s.mine.heard.size(), 1u);
    }
    CAF_CHECK_EQUAL(s.events.size(), 1u); // one decision, however many datagrams
    CAF_CHECK(!s.events[0]->is_refusal());
    CAF_CHECK(s.events[0]->protocol == policy::protocol::socks5_udp);
    CAF_CHECK(counted(s, R"(udp_datagrams_total{direction="up"})") == 5);
    CAF_CHECK(counted(s, R"(udp_datagrams_total{direction="down"})") == 5);
  }
}

CAF_TEST(a burst comes whole and in order both ways) {
  served s;
  auto open = associate(s);
  std::vector<std::string> all;
  for (int i = 0; i < 300; ++i)
    all.push_back("number " + std::to_string(i));
  for (const auto& each : all)
    s.mine.send(open.relay, socks_datagram("93.184.216.34", 53, each));
  CAF_CHECK(s.at.hears(all.back()));
  CAF_CHECK(s.at.heard == all);
  for (const auto& each : all)
    s.at.send(s.at.last_from, each);
  CAF_CHECK(s.mine.hears(socks_datagram("93.184.216.34", 53, all.back())));
  CAF_CHECK_EQUAL(s.mine.heard.size(), all.size());
}

CAF_TEST(several targets keep their answers apart) {
  served s;
  auto open = associate(s);
  for (int round = 0; round < 3; ++round) {
    s.mine.send(open.relay, socks_datagram("93.184.216.34", 53, "to one"));
    s.mine.send(open.relay, socks_datagram("93.184.216.35", 53, "to two"));
    s.mine.send(open.relay, socks_datagram("six.test", 53, "to three"));
    for (auto* each : {&s.at, &s.other, &s.six}) {
      CAF_CHECK(s.until([&] {
        each->move();
        return each->heard.size() == static_cast<size_t>(round) + 1;
      }));
      each->send(each->last_from, "from " + each->heard.back().substr(3));
    }
    s.mine.heard.clear();
    CAF_CHECK(s.mine.hears(socks_datagram("93.184.216.34", 53, "from one")));
    CAF_CHECK(s.mine.hears(socks_datagram("93.184.216.35", 53, "from two")));
    CAF_CHECK(s.mine.hears(socks_datagram("six.test", 53, "from three")));
  }
}

CAF_TEST(answers to two names of one address carry the name that was used last) {
  served s;
  auto open = associate(s);
  for (std::string host : {"93.184.216.34", "good.test"}) {
    s.mine.send(open.relay, socks_datagram(host, 53, host));
    CAF_CHECK(s.at.hears(host));
  }
  s.at.send(s.at.last_from, "answer");
  CAF_CHECK(s.mine.hears(socks_datagram("good.test", 53, "answer")));
}

CAF_TEST(only where datagrams were sent to may answer) {
  served s;
  auto open = associate(s);
  s.mine.send(open.relay, socks_datagram("93.184.216.34", 53, "question"));
  CAF_CHECK(s.at.hears("question"));
  udp_end same_host{s, s.place("93.184.216.34"), "93.184.216.34", 54};
  same_host.send(s.at.last_from, "from another port");
  s.other.send(s.at.last_from, "from another host");
  s.pass(1s);
  s.mine.move();
  CAF_CHECK(s.mine.heard.empty());
  CAF_CHECK(dropped(s, "foreign") == 2);
  s.at.send(s.at.last_from, "from the right one");
  CAF_CHECK(s.mine.hears(socks_datagram("93.184.216.34", 53, "from the right one")));
}

CAF_TEST(a name is asked for once and what comes meanwhile waits in order up to eight) {
  served s;
  s.names.names["good.test"].late = 800ms;
  auto open = associate(s);
  auto send = [&](int from, int to) {
    for (auto i = from; i < to; ++i)
      s.mine.send(open.relay, socks_datagram("good.test", 53, std::to_string(i)));
  };
  send(0, 5);
  s.pass(500ms);
  send(5, 20);
  s.pass(200ms);
  s.at.move();
  CAF_CHECK(s.at.heard.empty());
  CAF_CHECK(dropped(s, "refused") == 12);
  CAF_CHECK(s.at.hears("7", 200ms));
  CAF_CHECK(s.at.heard == (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7"}));
  send(20, 21);
  CAF_CHECK(s.at.hears("20", 1s));
  CAF_CHECK(std::ranges::count(s.names.asked, "A good.test") == 1);
}

CAF_TEST(what waits for names is bounded in bytes over all of them) {
  served s;
  std::string big(30'000, 'x');
  auto open = associate(s);
  for (std::string name : {"a.test", "b.test", "c.test"}) {
    s.names.names[name] = {.addresses = {ip("93.184.216.34")}, .late = 2s};
    s.mine.send(open.relay, socks_datagram(name, 53, big));
  }
  s.pass(3s);
  s.at.move();
  CAF_CHECK_EQUAL(s.at.heard.size(), 2u);
  CAF_CHECK(dropped(s, "refused") == 1);
}

CAF_TEST(a name without an address drops what waits and is asked again a second later) {
  struct row {
    name_record says;
    std::chrono::milliseconds settled; ///< When it is given up.
  };
  for (const auto& [says, settled] :
       std::initializer_list<row>{{{.code = 3}, 0ms}, {{.code = 2}, 1s}, {{.silent = true}, 5s}}) {
    served s{{.network = udp_allowed, .daemon = "timeouts.dns = \"5s\""}};
    s.names.names["later.test"] = says;
    auto open = associate(s);
    auto send = [&](const std::string& what) {
      s.mine.send(open.relay, socks_datagram("later.test", 53, what));
    };
    send("one");
    send("two");
    s.pass(settled + 500ms);
    CAF_CHECK(dropped(s, "refused") == 2);
    // It was let through: that it has no address is no verdict.
    CAF_CHECK(s.decisions() == std::vector<std::string>{"allow socks5_udp later.test:53 allow"});
    s.names.names["later.test"] = {.addresses = {ip("93.184.216.34")}};
    s.pass(1min); // what is known of the name has an end, too
    send("three");
    CAF_CHECK(s.at.hears("three"));
    CAF_CHECK_EQUAL(s.at.heard.size(), 1u);
    CAF_CHECK_EQUAL(s.events.size(), 1u);
  }
}

CAF_TEST(sixteen names are looked up at once and more have to come again) {
  served s;
  auto open = associate(s);
  auto name = [](int i) { return "n" + std::to_string(i) + ".test"; };
  for (int i = 0; i < 17; ++i) {
    s.names.names[name(i)] = {.addresses = {ip("93.184.216.34")}, .late = 2s};
    s.mine.send(open.relay, socks_datagram(name(i), 53, name(i)));
  }
  s.pass(1s);
  CAF_CHECK(dropped(s, "refused") == 1);
  s.pass(2s);
  CAF_CHECK(s.at.hears(name(15), 1s));
  CAF_CHECK_EQUAL(s.at.heard.size(), 16u);
  s.mine.send(open.relay, socks_datagram(name(16), 53, "again"));
  CAF_CHECK(s.at.hears("again"));
}

CAF_TEST(an association ends with its connection however that ends and leaves nothing open) {
  enum class how { closed, reset, finished };
  for (auto ends : {how::closed, how::reset, how::finished})
    for (auto resolving : {true, false}) {
      served s;
      s.names.names["good.test"].late = resolving ? 2s : 0s;
      s.pass(1s);
      auto before = s.here.sockets();
      auto open = associate(s);
      s.mine.send(open.relay, socks_datagram("93.184.216.34", 53, "a"));
      s.mine.send(open.relay, socks_datagram("2606:2800::1", 53, "b"));
      s.mine.send(open.relay, socks_datagram("good.test", 53, "c"));
      CAF_CHECK(s.at.hears("a"));
      CAF_CHECK(s.at.hears("c", 1s) == !resolving);
      if (!resolving) // else there is the one that asks the name server
        CAF_CHECK_EQUAL(s.here.sockets(), before + 4); // the connection, and three of UDP
      if (ends == how::closed)
        open.control.close();
      else if (ends == how::reset)
        open.control.reset();
      else
        open.control.finish();
      s.pass(resolving ? 1min : 100ms);
      CAF_CHECK_EQUAL(s.here.sockets(), before);
      s.mine.send(open.relay, socks_datagram("93.184.216.34", 53, "late"));
      CAF_CHECK(!s.at.hears("late", 5s));
      CAF_CHECK(counted(s, "udp_associations_active") == 0);
    }
}

CAF_TEST(what is said on its connection means nothing) {
  served s;
  auto open = associate(s);
  for (int i = 0; i < 5; ++i) {
    open.control.say(socks_request(socks_connect, "93.184.216.34", 80));
    s.mine.send(open.relay, socks_datagram("93.184.216.34", 53, std::to_string(i)));
    CAF_CHECK(s.at.hears(std::to_string(i)));
  }
  CAF_CHECK(!s.is_over(open.control, 1s));
  CAF_CHECK_EQUAL(open.control.text.size(), 10u); // the reply to the first request alone
}

CAF_TEST(silence ends it at its deadline and datagrams of either side put that off) {
  enum class by { nobody, client, target, new_target };
  for (auto who : {by::nobody, by::client, by::target, by::new_target}) {
    served s{{.network = udp_allowed, .daemon = "timeouts.udp_idle = \"1m\""}};
    auto open = associate(s);
    s.mine.send(open.relay, socks_datagram("93.184.216.34", 53, "begin"));
    CAF_CHECK(s.at.hears("begin"));
    s.pass(50s);
    if (who == by::client)
      s.mine.send(open.relay, socks_datagram("93.184.216.34", 53, "more"));
    else if (who == by::target)
      s.at.send(s.at.last_from, "more");
    else if (who == by::new_target)
      s.mine.send(open.relay, socks_datagram("good.test", 53, "more"));
    CAF_CHECK(!s.is_over(open.control, who == by::nobody ? 9900ms : 59900ms));
    CAF_CHECK(s.is_over(open.control, 200ms));
    CAF_CHECK_EQUAL(open.control.error, 0);
  }
}
