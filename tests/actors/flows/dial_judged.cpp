#define CAF_SUITE actors.flows.dial_judged
#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// Addresses are judged once a name is looked up, and only what was judged is dialled.

namespace {

constexpr auto allowed = "allowed_domains = [\"example.com\"]\n";
constexpr auto open_to_all = "allowed_domains = [\"example.com\"]\nallow_local_binding = true\n";

void name(stage& s, const std::vector<std::string>& addresses, uint32_t ttl = 60) {
  auto& record = s.names.names["example.com"];
  record = {.ttl = ttl};
  for (const auto& each : addresses)
    record.addresses.push_back(ip(each));
}

/// Addresses that the proxy dials, name servers aside.
struct dials {
  explicit dials(stage& s) : here(s.here) {
    here.on_connect = [this](const ip_sockaddr& to) {
      if (to.port() != 53)
        all.push_back(to.ip()->str());
    };
  }
  ~dials() { here.on_connect = nullptr; }
  dials(const dials&) = delete;
  simulation::node& here;
  std::vector<std::string> all;
};

size_t questions(const stage& s) {
  return static_cast<size_t>(std::ranges::count(s.names.asked, "A example.com"));
}

void serve(stage& s, party& client, stage::origin& at, const std::string& more = "") {
  client.forget();
  client.say(get("http://example.com/", more));
  auto& origin = s.accept(at);
  CAF_CHECK(s.hears(origin, "GET / HTTP/1.1"));
  origin.say(ok("hello"));
  CAF_CHECK(s.hears(client, "hello"));
}

} // namespace

CAF_TEST(a name that leads to an address of this place is refused and nothing is dialled) {
  for (const auto& addresses : std::initializer_list<std::vector<std::string>>{
         {"10.0.0.1"},
         {"172.16.5.4"},
         {"192.168.1.1"},
         {"100.64.0.1"},
         {"127.0.0.1"},
         {"127.8.8.8"},
         {"0.0.0.0"},
         {"169.254.1.1"},
         {"169.254.169.254"},
         {"::1"},
         {"::"},
         {"fe80::1"},
         {"fd00:ec2::254"},
         {"fc00::1"},
         {"::ffff:10.0.0.1"},
         {"64:ff9b::a00:1"},
         {"2002:a00:1::1"},
         {"93.184.216.34", "10.0.0.1"}, // one of them is enough
         {"10.0.0.1", "93.184.216.34"},
         {"2606:2800::1", "127.0.0.1"},
         {"fe80::1", "93.184.216.34"},
       }) {
    CAF_MESSAGE("the first of them: " << addresses.front());
    stage s{{.network = allowed}};
    name(s, addresses);
    dials seen{s};
    auto& client = s.client();
    client.say(get("http://example.com/"));
    CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
    CAF_CHECK(client.hears("x-proxy-error: blocked-by-allowlist"));
    CAF_CHECK(seen.all.empty());
    CAF_CHECK(s.decisions() ==
              std::vector<std::string>{"deny http example.com:80 not_allowed_local"});
  }
}

CAF_TEST(a tunnel and SOCKS are judged by the address as well) {
  stage s{{.network = allowed}};
  name(s, {"10.0.0.1"});
  dials seen{s};
  auto& client = s.client();
  client.say("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
  CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
  auto& socks = s.client(1080);
  socks.say(std::string{"\5\1\0", 3});
  CAF_REQUIRE(s.hears(socks, std::string{"\5\0", 2}));
  socks.forget();
  socks.say(std::string{"\5\1\0\3\13example.com\1\273", 18});
  CAF_CHECK(s.hears(socks, std::string{"\5\2", 2})); // not allowed by the rules
  CAF_CHECK(seen.all.empty());
}

CAF_TEST(metadata stays closed where private addresses are open) {
  struct row {
    const char* address;
    bool dialled;
  } rows[] = {{"10.0.0.1", true}, {"169.254.169.254", false}, {"fd00:ec2::254", false}};
  for (const auto& [address, dialled] : rows) {
    CAF_MESSAGE(address);
    stage s{{.network = open_to_all}};
    name(s, {address});
    (void)s.place(address);
    dials seen{s};
    auto& client = s.client();
    client.say(get("http://example.com/"));
    CAF_CHECK(s.hears(client, dialled ? "HTTP/1.1 502" : "HTTP/1.1 403"));
    CAF_CHECK_EQUAL(seen.all.empty(), !dialled);
  }
}

CAF_TEST(one request asks once and dials what was judged) {
  // Whoever answers a second question with another address has nobody to ask it.
  stage s{{.network = allowed}};
  auto& at = s.serve_at("93.184.216.34", 80);
  name(s, {"93.184.216.34"}, 0);
  s.set_way(at.on, [] {
    simulation::conditions slow;
    slow.delay = 2s;
    return slow;
  }());
  dials seen{s};
  auto& client = s.client();
  client.say(get("http://example.com/"));
  CAF_REQUIRE(s.until([&] { return !seen.all.empty(); }));
  name(s, {"10.0.0.1"}, 0);
  auto& origin = s.accept(at);
  origin.say(ok("hello"));
  CAF_CHECK(s.hears(client, "hello"));
  CAF_CHECK(seen.all == std::vector<std::string>{"93.184.216.34"});
  CAF_CHECK_EQUAL(questions(s), 1u);
}

CAF_TEST(a name that leads elsewhere the next time is judged anew) {
  stage s{{.network = allowed}};
  auto& at = s.serve_at("93.184.216.34", 80);
  auto& inside = s.serve_at("10.0.0.1", 80);
  name(s, {"93.184.216.34"}, 0);
  auto& client = s.client();
  serve(s, client, at, "Connection: close\r\n");
  s.pass(31s); // what was kept is closed
  name(s, {"10.0.0.1"}, 0);
  auto& again = s.client();
  again.say(get("http://example.com/"));
  CAF_CHECK(s.hears(again, "HTTP/1.1 403"));
  CAF_CHECK(!s.is_called(inside, 1s));
  CAF_CHECK_EQUAL(questions(s), 2u);
}

CAF_TEST(a lie under a long time to live is not kept for longer than five minutes) {
  stage s{{.network = allowed}};
  auto& at = s.serve_at("93.184.216.34", 80);
  name(s, {"93.184.216.34"}, 1'000'000);
  serve(s, s.client(), at);
  name(s, {"10.0.0.1"});
  s.pass(4min + 50s);
  serve(s, s.client(), at); // it is known still
  s.pass(40s);
  auto& again = s.client();
  again.say(get("http://example.com/"));
  CAF_CHECK(s.hears(again, "HTTP/1.1 403"));
}

CAF_TEST(what is dialled anew under another policy is looked up and judged anew) {
  stage s{{.network = allowed}};
  auto& at = s.serve_at("93.184.216.34", 80);
  auto& inside = s.serve_at("10.0.0.1", 80);
  name(s, {"93.184.216.34"}, 0);
  simulation::conditions hole;
  hole.swallows = true;
  s.set_way(at.on, hole);
  dials seen{s};
  auto& client = s.client();
  client.say(get("http://example.com/"));
  CAF_REQUIRE(s.until([&] { return seen.all.size() == 1; }));
  name(s, {"10.0.0.1"}, 0);
  s.install(allowed);
  CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
  CAF_CHECK(!s.is_called(inside, 1s));
  CAF_CHECK_EQUAL(seen.all.size(), 1u);
}

CAF_TEST(a name that leads to a listener of ours is refused whatever the policy allows) {
  for (const auto* address : {"192.0.2.1", "::ffff:192.0.2.1"})
    for (uint16_t port : {uint16_t{3128}, uint16_t{1080}, uint16_t{8080}}) {
      CAF_MESSAGE(address << " and port " << port);
      stage s{{.network = open_to_all}};
      name(s, {address});
      dials seen{s};
      auto& client = s.client();
      client.say(get("http://example.com:" + std::to_string(port) + "/"));
      CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
      CAF_CHECK(seen.all.empty());
    }
}

CAF_TEST(our own end of what may come round is remembered as long as it is open) {
  struct row {
    const char* settings;
    uint16_t port; ///< Of the origin.
    bool remembered;
  } rows[] = {
    {"via = false", 80, true}, // nothing else would tell
    {"via = true", 80, false},
    {"via = true", 3128, true}, // a tunnel to another address of ours has no Via
  };
  for (const auto& [settings, port, remembered] : rows) {
    CAF_MESSAGE(settings << " and port " << port);
    stage s{{.network = open_to_all, .daemon = settings}};
    name(s, {"93.184.216.34"});
    auto& at = s.serve_at("93.184.216.34", port);
    auto& client = s.client();
    client.say(get("http://example.com:" + std::to_string(port) + "/"));
    auto& origin = s.accept(at);
    CAF_REQUIRE(s.hears(origin, "GET / HTTP/1.1"));
    auto ours = origin.other_address();
    CAF_CHECK_EQUAL(s.process->dialled.empty(), !remembered);
    CAF_CHECK_EQUAL(s.process->dialled.contains({*ours.ip(), ours.port()}), remembered);
    origin.say(ok("hello", "Connection: close\r\n"));
    CAF_CHECK(s.hears(client, "hello"));
    origin.close();
    s.pass(1s);
    CAF_CHECK(s.process->dialled.empty());
  }
}

CAF_TEST(somebody who hands everything back to us does so once) {
  stage s{{.network = allowed}};
  auto& at = s.serve_at("93.184.216.34", 80);
  name(s, {"93.184.216.34"});
  auto& client = s.client();
  client.say(get("http://example.com/"));
  auto& relay = s.accept(at);
  CAF_REQUIRE(s.hears(relay, "\r\n\r\n"));
  auto& back = s.somebody(at.on);
  back.connect(ip("192.0.2.1"), 3128);
  auto head = relay.text;
  back.say(head.replace(0, 5, "GET http://example.com/"));
  CAF_CHECK(s.hears(back, "HTTP/1.1 508"));
  CAF_CHECK(back.hears("error=proxy_loop_detected"));
  relay.say(back.text);
  CAF_CHECK(s.hears(client, "HTTP/1.1 508"));
  CAF_CHECK(!s.is_called(at, 1s));
}
