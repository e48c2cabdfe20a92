#define CAF_SUITE actors.flows.told_inside_or_not
#include "tests/actors/flows/stage.hpp"

#include <cerrno>
#include <thread>

using namespace proxy;
using namespace proxy::test;

/// Which refused CONNECTs are answered inside their tunnels, and what a policy that comes meanwhile
/// makes of them.

namespace {

constexpr auto inside = "allowed_domains = [\"allowed.test\"]\nmitm = true\nrefusals = \"inside\"";
const std::string request = "GET / HTTP/1.1\r\nHost: refused.test\r\n\r\n";

std::string connect(const std::string& authority, const std::string& more = "") {
  return "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n" + more + "\r\n";
}

/// What a CONNECT is answered. @returns its status line.
std::string answer_to(stage& s, party& client, const std::string& ask) {
  client.forget();
  client.say(ask);
  (void)s.hears(client, "\r\n\r\n", 5s);
  return client.text.substr(0, client.text.find("\r\n"));
}

} // namespace

CAF_TEST(a CONNECT is refused by its own answer where nobody could be told inside) {
  struct row {
    const char* what;
    const char* network;
    const char* daemon;
    const char* authority;
    const char* more;
    const char* status;
  } rows[] = {
    {"asked for", "mitm = true\nrefusals = \"connect\"", "", "refused.test:443", "", "403"},
    {"auto for a client of anybody", "mitm = true", "", "refused.test:443", "", "403"},
    {"no interception", "refusals = \"inside\"", "", "refused.test:443", "", "403"},
    {"a body", inside, "", "refused.test:443", "Content-Length: 3\r\n", "403"},
    {"who asks is not known", inside, "socks_users = {me = \"env:A\"}", "refused.test:443", "",
     "407"},
    {"a bad request", inside, "", "refused.test:0", "", "400"},
    {"a name that does not resolve", inside, "", "allowed.test:443", "", "502"},
    {"inside", inside, "", "refused.test:443", "", "200"},
    {"inside on any port", inside, "", "refused.test:22", "", "200"},
    {"inside for an address", inside, "", "8.8.8.8:443", "", "200"},
    {"inside for this proxy", inside, "", "192.0.2.1:3128", "", "200"},
    {"inside for one that is denied",
     "mitm = true\nrefusals = \"inside\"\ndenied_domains = "
     "[\"refused.test\"]",
     "", "refused.test:443", "", "200"},
  };
  for (auto& [what, network, daemon, authority, more, status] : rows) {
    CAF_MESSAGE(what);
    stage s{{.network = network, .daemon = daemon, .environment = {{"A", "secret"}}}};
    auto line = answer_to(s, s.client(), connect(authority, more));
    CAF_MESSAGE(line);
    CAF_CHECK(line.starts_with(std::string{"HTTP/1.1 "} + status + ' '));
  }
}

CAF_TEST(addresses that are refused after their name was looked up are told inside) {
  stage s{{.network = inside}};
  s.names.names["allowed.test"] = {.addresses = {ip("10.0.0.1")}};
  auto& client = s.tunnel("allowed.test:443");
  client.speak_tls(s.trusts_proxy(), "allowed.test");
  client.say("GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n");
  CAF_CHECK(s.is_over(client));
  CAF_CHECK(
    client.text.starts_with("HTTP/1.1 403 Blocked by policy: not_allowed_local allowed.test\r\n"));
  CAF_CHECK(s.decisions() ==
            std::vector<std::string>{"deny https_connect allowed.test:443 not_allowed_local"});
}

CAF_TEST(SOCKS clients are not told inside) {
  stage s{{.network = inside}};
  auto& client = s.client(1080);
  client.say(std::string{"\x05\x01\0", 3} +
             std::string{"\x05\x01\0\x03\x0crefused.test\x01\xbb", 19});
  CAF_CHECK(s.hears(client, std::string{"\x05\0\x05\x02", 4}));
  CAF_CHECK(s.is_over(client, 5s));
}

CAF_TEST(a client has so many certificates made at once and then one in each half second) {
  stage s{{.network = inside}};
  auto ask = [&, n = 0]() mutable {
    auto& client = s.client();
    auto line = answer_to(s, client, connect("h" + std::to_string(n++) + ".test:443"));
    client.close();
    return line.substr(9, 3);
  };
  for (int i = 0; i < 64; ++i)
    CAF_CHECK_EQUAL(ask(), "200");
  CAF_CHECK_EQUAL(ask(), "403");
  s.pass(499ms);
  CAF_CHECK_EQUAL(ask(), "403");
  s.pass(2ms);
  CAF_CHECK_EQUAL(ask(), "200");
  CAF_CHECK_EQUAL(ask(), "403");
  // Another client has not asked for any.
  auto& other = s.somebody(s.place("198.51.100.9"));
  other.connect(ip("192.0.2.1"), 3128);
  CAF_CHECK(answer_to(s, other, connect("other.test:443")).starts_with("HTTP/1.1 200"));
  s.pass(1h);
  for (int i = 0; i < 64; ++i) // what is not asked for is not saved up without end
    CAF_CHECK_EQUAL(ask(), "200");
  CAF_CHECK_EQUAL(ask(), "403");
}

CAF_TEST(a certificate that is there is shown to whoever asks again) {
  stage s{{.network = inside}};
  for (int i = 0; i < 200; ++i) {
    auto& client = s.tunnel("refused.test:443");
    client.speak_tls(s.trusts_proxy(), "refused.test");
    client.say(request);
    CAF_CHECK(s.hears(client, "not_allowed", 5s));
    client.close();
  }
}

CAF_TEST(a policy that allows the host holds from the next tunnel on) {
  stage s{{.network = inside}};
  s.names.names["refused.test"] = {.addresses = {ip("93.184.216.34")}};
  auto& at = s.serve_at("93.184.216.34", 443);
  auto& silent = s.tunnel("refused.test:443");
  auto& shaken = s.tunnel("refused.test:443");
  shaken.speak_tls(s.trusts_proxy(), "refused.test");
  CAF_CHECK(s.until([&] { return shaken.has_shaken_hands(); }));
  auto outcome =
    s.reload("allowed_domains = [\"refused.test\"]\nmitm = true\nrefusals = \"inside\"");
  CAF_REQUIRE(outcome.report);
  CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 0u); // they never were any
  for (auto* who : {&silent, &shaken}) {
    who->say(request);
    CAF_CHECK(s.is_over(*who));
    CAF_CHECK(who->text.starts_with("HTTP/1.1 403 Blocked by policy: not_allowed "));
  }
  CAF_CHECK(!s.is_called(at, 1s));
  auto& next = s.tunnel("refused.test:443");
  next.say("\x01");
  CAF_CHECK(s.hears(s.accept(at), "\x01"));
}

CAF_TEST(a tunnel whose certificate cannot be made any more is closed and the log says why) {
  stage s{{.network = inside}};
  auto& client = s.tunnel("refused.test:443");
  auto& plain = s.tunnel("refused.test:443");
  CAF_REQUIRE(s.reload("allowed_domains = []").report);
  client.speak_tls(s.trusts_proxy(), "refused.test");
  CAF_CHECK(s.is_over(client, 5s));
  CAF_CHECK(!client.has_shaken_hands());
  s.pass(1s);
  CAF_CHECK(logs(s, "interception was switched off"));
  plain.say(request); // needs none
  CAF_CHECK(s.hears(plain, "not_allowed"));
}

CAF_TEST(a drain ends tunnels that were refused and have said nothing and answers the others) {
  stage s{{.network = inside}};
  auto& silent = s.tunnel("refused.test:443");
  auto& begun = s.tunnel("refused.test:443");
  begun.say("GET / HTTP/1.1\r\n");
  s.pass(1s);
  auto drained = s.drain();
  CAF_CHECK(s.is_over(silent, 100ms));
  CAF_CHECK_EQUAL(silent.text, "");
  CAF_CHECK(!s.is_over(begun, 2s));
  begun.say("Host: refused.test\r\n\r\n");
  CAF_CHECK(s.is_over(begun));
  CAF_CHECK(begun.text.starts_with("HTTP/1.1 403 "));
  begun.close();
  CAF_CHECK(s.until([&] { return drained->has_value(); }));
}

CAF_TEST(a client that does not take its answer is cut off) {
  // What is gathered counts as taken, as if the kernel's buffer had room: the client would be
  // waited for.
  stage s{{.network = inside, .daemon = "timeouts.idle = \"30s\"", .at_once = true}};
  s.w.net().set_conditions(s.here, s.user, {.longest_write = 0, .reset_at = {}});
  auto& client = s.client();
  client.say(connect("refused.test:443"));
  CAF_CHECK(!s.is_over(client, 29s));
  CAF_CHECK(s.is_over(client, 2s));
  CAF_CHECK(client.error == ECONNRESET && client.text.empty());
}
