#define CAF_SUITE actors.flows.names
#include "tests/actors/flows/stage.hpp"

#include <thread>

using namespace proxy;
using namespace proxy::test;

/// What is asked of name servers, when, and what a client hears of what they say.

namespace {

const std::string allowed = "allowed_domains = [\"**.example.com\", \"**.localhost\"]\n";
constexpr auto found =
  "93.184.216.34:80: No route to host"; // the address is known, and nobody there

size_t asked(const stage& s, const std::string& name = "example.com") {
  return static_cast<size_t>(std::ranges::count(s.names.asked, "A " + name));
}

/// What a client hears that asks for a host.
std::string answer_for(stage& s, const std::string& host = "example.com") {
  auto& client = s.client();
  client.say(get("http://" + host + "/", "Connection: close\r\n"));
  CAF_CHECK(s.is_over(client));
  return client.text;
}

/// Installs a policy with lines for names of its own, as those of a stage name its server.
void install_names(stage& s, const std::string& daemon) {
  s.write("config.toml", "default_permissions = \"dev\"\n[network_proxy]\nadmin_url = \"\"\n" +
                           daemon +
                           "\n[permissions.dev.network]\nenabled = true\n"
                           "proxy_url = \"http://192.0.2.1:3128\"\n"
                           "socks_url = \"http://192.0.2.1:1080\"\n"
                           "dangerously_allow_non_loopback_proxy = true\n" +
                           allowed);
  auto outcome = s.ask<reload_outcome>(s.store, atom::reload_v);
  CAF_REQUIRE(s.until([&] { return outcome->has_value(); }));
  if (!(*outcome)->report)
    CAF_FAIL((*outcome)->problems.front().str());
}

const name_record good{.addresses = {ip("93.184.216.34")}};

} // namespace

CAF_TEST(what servers say of a name is told and remembered as long as it may be) {
  struct row {
    name_record says;
    const char* answer;
    const char* words;
    std::chrono::seconds remembered; ///< 0: not at all.
  } rows[] = {
    {good, "HTTP/1.1 502", found, 60s},
    {{.addresses = good.addresses, .ttl = 7}, "HTTP/1.1 502", found, 7s},
    {{.addresses = good.addresses, .ttl = 100'000}, "HTTP/1.1 502", found, 300s},
    {{.addresses = good.addresses, .ttl = 0}, "HTTP/1.1 502", found, 0s},
    {{.addresses = good.addresses, .ttl = 0x80000005}, "HTTP/1.1 502", found, 0s}, // means zero
    {{.code = 3}, "HTTP/1.1 502", "example.com: no such name (NXDOMAIN)", 5s},
    {{.code = 0}, "HTTP/1.1 502", "example.com: the name has no address (NODATA)", 5s},
    {{.code = 2}, "HTTP/1.1 502", "example.com: the name server failed (SERVFAIL)", 0s},
    {{.code = 5}, "HTTP/1.1 502", "example.com: the name server refused to answer (REFUSED)", 0s},
    {{.silent = true},
     "HTTP/1.1 504",
     "example.com: no name server answered in time (timeouts.dns = 5s)",
     1s},
  };
  for (const auto& [says, answer, words, remembered] : rows) {
    CAF_MESSAGE(words << ", for " << remembered.count() << " s");
    stage s{{.network = allowed}};
    s.names.names["example.com"] = says;
    auto text = answer_for(s);
    CAF_CHECK(text.starts_with(answer));
    CAF_CHECK(has(text, words));
    if (remembered > 0s) {
      auto count = asked(s);
      s.pass(remembered - 500ms);
      CAF_CHECK(has(answer_for(s), words));
      CAF_CHECK_EQUAL(asked(s), count);
      s.pass(600ms);
    }
    auto count = asked(s);
    s.names.names["example.com"] = {.addresses = {ip("93.184.216.99")}};
    CAF_CHECK(has(answer_for(s), "93.184.216.99:80"));
    CAF_CHECK_EQUAL(asked(s), count + 1);
  }
}

CAF_TEST(how long names are remembered is set) {
  struct row {
    const char* settings;
    uint8_t code;
    std::chrono::seconds remembered;
  } rows[] = {
    {"dns.max_ttl = \"20s\"", 0, 20s},      {"dns.max_ttl = \"0s\"", 0, 0s},
    {"dns.negative_ttl = \"30s\"", 3, 30s}, {"dns.negative_ttl = \"0s\"", 3, 0s},
    {"dns.cache_size = 0", 0, 0s},          {"dns.cache_size = 0", 3, 0s},
  };
  for (const auto& [settings, code, remembered] : rows) {
    CAF_MESSAGE(settings);
    stage s{{.network = allowed, .daemon = settings}};
    s.names.names["example.com"] = {.addresses = good.addresses, .code = code};
    if (code != 0)
      s.names.names["example.com"].addresses.clear();
    (void)answer_for(s);
    s.pass(remembered > 0s ? remembered - 1s : 0s);
    (void)answer_for(s);
    CAF_CHECK_EQUAL(asked(s), remembered > 0s ? 1u : 2u);
    s.pass(2s);
    auto count = asked(s);
    (void)answer_for(s);
    CAF_CHECK_EQUAL(asked(s), count + 1);
  }
}

CAF_TEST(a full cache forgets what was not used for longest) {
  stage s{{.network = allowed, .daemon = "dns.cache_size = 2"}};
  for (const auto* name : {"a.example.com", "b.example.com", "c.example.com"})
    s.names.names[name] = good;
  for (const auto* name : {"a", "b", "a", "c", "a", "b"})
    (void)answer_for(s, std::string{name} + ".example.com");
  CAF_CHECK_EQUAL(asked(s, "a.example.com"), 1u);
  CAF_CHECK_EQUAL(asked(s, "b.example.com"), 2u);
  CAF_CHECK_EQUAL(asked(s, "c.example.com"), 1u);
}

CAF_TEST(many that wait for one name ask once and whoever leaves spoils nothing) {
  stage s{{.network = allowed}};
  s.names.names["example.com"] = good;
  s.names.names["example.com"].late = 900ms;
  std::vector<party*> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(&s.client());
    clients.back()->say(get("http://Example.COM/"));
  }
  CAF_REQUIRE(s.until([&] { return !s.names.asked.empty(); }));
  s.pass(300ms);
  for (size_t i = 0; i < clients.size(); i += 5)
    clients[i]->reset();
  for (size_t i = 0; i < clients.size(); ++i)
    if (i % 5 != 0)
      CAF_CHECK(s.hears(*clients[i], found, 2s));
  CAF_CHECK_EQUAL(asked(s), 1u);
}

CAF_TEST(an answer that comes when nobody waits any more serves the next) {
  stage s{{.network = allowed, .daemon = "timeouts.dns = \"2s\""}};
  s.names.names["example.com"] = good;
  s.names.names["example.com"].late = 2100ms;
  auto began = s.w.time().now();
  CAF_CHECK(answer_for(s).starts_with("HTTP/1.1 504"));
  auto took = s.w.time().now() - began;
  CAF_CHECK(took >= 2s && took < 2100ms);
  s.pass(300ms);
  auto count = asked(s);
  CAF_CHECK(has(answer_for(s), found));
  CAF_CHECK_EQUAL(asked(s), count);
}

CAF_TEST(questions and answers that are lost or come twice do no harm) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    stage s{{.network = allowed, .daemon = "timeouts.dns = \"20s\"", .seed = seed}};
    s.names.names["example.com"] = good;
    simulation::conditions way;
    way.lost = 300'000;
    way.doubled = 500'000;
    way.delay = 5ms;
    way.jitter = 50ms;
    s.set_way(s.library, way);
    CAF_CHECK(has(answer_for(s), found));
  }
}

CAF_TEST(literals and localhost are known without asking) {
  stage s{{.network = "allowed_domains = [\"127.0.0.1\", \"[::1]\", \"**.localhost\"]\n"
                      "allow_local_binding = true\n"}};
  for (const auto* host : {"127.0.0.1:9", "[::1]:9", "localhost:9", "a.localhost:9"})
    CAF_CHECK(has(answer_for(s, host), ":9: Connection refused"));
  CAF_CHECK(s.names.asked.empty());
}

CAF_TEST(look - ups that are under way go on with the servers of a reload) {
  // Both halves wait; or nobody answers a first half when the channel ends.
  stage s{{.network = allowed}};
  s.names.names["example.com"] = {.silent = true};
  auto& there = s.w.net().add_node("second library", {ip("192.0.2.54")});
  name_server second{there, ip("192.0.2.54")};
  second.names["example.com"] = good;
  auto& client = s.client();
  client.say(get("http://example.com/"));
  CAF_REQUIRE(s.until([&] { return asked(s) > 0; }));
  s.pass(2s);
  install_names(s, "dns.servers = [\"192.0.2.54\"]\ndns.hosts_file = \"\"\n");
  auto count = asked(s);
  CAF_CHECK(s.until(
    [&] {
      second.step();
      return client.hears(found);
    },
    2s));
  s.pass(10s);
  CAF_CHECK_EQUAL(asked(s), count); // the server of before hears no more
}

CAF_TEST(a reload that leaves names alone keeps what is known) {
  stage s{{.network = allowed}};
  s.names.names["example.com"] = good;
  (void)answer_for(s);
  s.install(allowed);
  (void)answer_for(s);
  CAF_CHECK_EQUAL(asked(s), 1u);
  s.install(allowed, "dns.max_ttl = \"1h\"");
  (void)answer_for(s);
  CAF_CHECK_EQUAL(asked(s), 2u);
}

CAF_TEST(a reload that leaves names alone lets look - ups go on) {
  stage s{{.network = allowed}};
  s.names.names["example.com"] = good;
  s.names.names["example.com"].late = 900ms;
  auto& client = s.client();
  client.say(get("http://example.com/"));
  CAF_REQUIRE(s.until([&] { return asked(s) > 0; }));
  s.install(allowed);
  CAF_CHECK(s.hears(client, found, 1s));
  CAF_CHECK_EQUAL(asked(s), 1u);
}

CAF_TEST(a dot at the end and capitals make no other name) {
  stage s{{.network = allowed}};
  s.names.names["example.com"] = good;
  for (const auto* host : {"example.com", "EXAMPLE.com", "example.com.", "Example.Com."})
    CAF_CHECK(has(answer_for(s, host), found));
  CAF_CHECK_EQUAL(asked(s), 1u);
}

CAF_TEST(a server that is not there is passed over and none at all is told) {
  struct row {
    const char* servers;
    const char* words;
  } rows[] = {
    {"\"192.0.2.99\", \"192.0.2.53\"", found}, // no way there
    {"\"192.0.2.9\", \"192.0.2.53\"", found},  // nobody listens
    {"\"192.0.2.53:53\"", found},
    {"\"192.0.2.9:5353\", \"192.0.2.53\"", found},
    {"\"[2001:db8::53]:53\", \"192.0.2.53\"", found},
    {"\"192.0.2.9\", \"192.0.2.99\"", "no name server can be reached: 192.0.2.9, 192.0.2.99"},
    {"\"2001:db8::53\"", "no name server can be reached: 2001:db8::53"},
  };
  for (const auto& [servers, words] : rows) {
    CAF_MESSAGE(servers);
    stage s{{.network = allowed}};
    s.names.names["example.com"] = good;
    install_names(s, "dns.hosts_file = \"\"\ndns.servers = [" + std::string{servers} + "]");
    auto text = answer_for(s);
    CAF_CHECK(has(text, words));
  }
}

CAF_TEST(without a descriptor a look - up fails and the next one is well) {
  stage s{{.network = allowed}};
  s.names.names["example.com"] = good;
  auto& client = s.client();
  s.pass(1s);
  s.here.limit_descriptors(s.here.descriptors());
  client.say(get("http://example.com/"));
  CAF_CHECK(s.hears(client, "\r\n\r\n", 6s));
  CAF_CHECK(client.text.starts_with("HTTP/1.1 50"));
  CAF_CHECK(has(client.text, "no name server can be reached: 192.0.2.53"));
  s.here.limit_descriptors(1000);
  s.pass(2s);
  CAF_CHECK(has(answer_for(s), found));
}

CAF_TEST(the hosts file comes first and a change of it shows within a second) {
  stage s{{.network = allowed}};
  s.names.names["example.com"] = good;
  auto file =
    s.write("hosts", "# comment\n93.184.216.50 example.com # more\n10.0.0.1 in.example.com\n"
                     "nonsense example.com\n2606:2800::5 six.example.com\n");
  install_names(s, "dns.servers = [\"192.0.2.53\"]\ndns.hosts_file = \"" + file + "\"");
  CAF_CHECK(has(answer_for(s), "93.184.216.50:80"));
  CAF_CHECK(has(answer_for(s, "six.example.com"), "[2606:2800::5]:80"));
  CAF_CHECK(answer_for(s, "in.example.com").starts_with("HTTP/1.1 403"));
  CAF_CHECK(s.names.asked.empty());
  s.write("hosts", "93.184.216.51 example.com EXAMPLE.com. other\n");
  s.pass(1s);
  CAF_CHECK(has(answer_for(s), "93.184.216.51:80"));
  s.write("hosts", std::string(20 << 20, '\n') + "93.184.216.52 example.com\n"); // beyond the limit
  s.pass(1s);
  CAF_CHECK(has(answer_for(s), found));
  CAF_CHECK(has(s.log(), "level=warn msg=\"the hosts file is not used\""));
  CAF_CHECK_EQUAL(asked(s), 1u);
}
