#define CAF_SUITE actors.flows.dial_through
#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// Through the upstream proxies that the environment names: which, how, and what it is shown.

namespace {

constexpr auto allowed = "allowed_domains = [\"**.example.com\", \"2606:2800::1\"]\n"
                         "allow_upstream_proxy = true\n";
constexpr auto corporate = "10.0.0.7", another = "10.0.0.8"; // local, as the user has named them

using environment = std::map<std::string, std::string>;

environment both(const std::string& url) { return {{"HTTP_PROXY", url}, {"HTTPS_PROXY", url}}; }

void name_all(stage& s) {
  s.names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
  s.names.names["proxy.test"] = {.addresses = {ip(corporate)}};
}

std::string connect_to(const std::string& authority, const std::string& more = "") {
  return "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n" + more + "\r\n";
}

/// A client that asks by SOCKS for example.com and a port below 256.
party& socks_to(stage& s, char port) {
  auto& who = s.client(1080);
  who.say(std::string{"\5\1\0", 3});
  CAF_REQUIRE(s.hears(who, std::string{"\5\0", 2}));
  who.forget();
  who.say(std::string{"\5\1\0\3\13example.com\0", 17} + port);
  return who;
}

} // namespace

CAF_TEST(each request goes to the upstream proxy in its form and with its credentials) {
  struct row {
    std::string request, line, host;
  } rows[] = {
    {get("http://example.com/x"), "GET http://example.com/x HTTP/1.1\r\n", "example.com"},
    {get("http://example.com:81/x"), "GET http://example.com:81/x HTTP/1.1\r\n", "example.com:81"},
    {get("https://example.com/x"), "CONNECT example.com:443 HTTP/1.1\r\n", "example.com:443"},
    {connect_to("example.com:25"), "CONNECT example.com:25 HTTP/1.1\r\n", "example.com:25"},
    {connect_to("[2606:2800::1]:443"), "CONNECT [2606:2800::1]:443 HTTP/1.1\r\n",
     "[2606:2800::1]:443"},
    {get("http://example.com/x", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
     "CONNECT example.com:80 HTTP/1.1\r\n", "example.com:80"},
    {"", "CONNECT example.com:25 HTTP/1.1\r\n", "example.com:25"}, // SOCKS
  };
  for (const auto* scheme : {"http", "https"})
    for (const auto* login : {"", "user:pa%3Ass@"})
      for (const auto& [request, line, host] : rows) {
        CAF_MESSAGE(scheme << "://" << login << " " << line.substr(0, line.size() - 2));
        auto url = std::string{scheme} + "://" + login + "proxy.test:3128";
        stage s{{.network = allowed, .environment = both(url)}};
        name_all(s);
        auto& at = s.serve_at(corporate, 3128);
        auto& client = request.empty() ? socks_to(s, 25) : s.client();
        if (!request.empty()) {
          auto shown = request;
          shown.insert(shown.size() - 2, "Proxy-Authorization: Basic Y2xpZW50OnNlY3JldA==\r\n");
          client.say(shown);
        }
        auto& upstream = s.accept(at);
        if (url.starts_with("https"))
          upstream.answer_tls(*s.origin_tls, s.origin_leaf("proxy.test"));
        CAF_CHECK(s.hears(upstream, "\r\n\r\n"));
        CAF_CHECK(upstream.text.starts_with(line));
        CAF_CHECK(upstream.hears("\r\nHost: " + host + "\r\n"));
        CAF_CHECK(upstream.hears("\r\nVia: 1.1 codex-network-proxy-"));
        auto ours = upstream.hears("\r\nProxy-Authorization: Basic dXNlcjpwYTpzcw==\r\n");
        CAF_CHECK_EQUAL(ours, *login != '\0');
        CAF_CHECK(!upstream.hears("Y2xpZW50"));
      }
}

CAF_TEST(the environment names who is asked) {
  const std::string one = "http://10.0.0.7:3128", two = "10.0.0.8:3128";
  struct row {
    environment variables;
    const char* lines; ///< Of the network table.
    const char* plain; ///< Who gets a plain request; "": the origin itself.
    const char* tunnel;
  } rows[] = {
    {both(one), "", corporate, corporate},
    {{{"HTTP_PROXY", one}}, "", corporate, ""},
    {{{"HTTPS_PROXY", one}}, "", "", corporate},
    {{{"ALL_PROXY", one}}, "", corporate, corporate},
    {{{"all_proxy", one}}, "", corporate, corporate},
    {{{"HTTP_PROXY", one}, {"ALL_PROXY", two}}, "", corporate, another},
    {{{"https_proxy", one}, {"http_proxy", two}}, "", another, corporate},
    {{{"ALL_PROXY", one}, {"NO_PROXY", "example.com"}}, "", "", ""},
    {{{"ALL_PROXY", one}, {"NO_PROXY", ".example.com"}}, "", corporate, corporate},
    {{{"ALL_PROXY", one}, {"NO_PROXY", "other.test, *"}}, "", "", ""},
    {{{"ALL_PROXY", one}, {"no_proxy", "example.com:443"}}, "", corporate, ""},
    {{{"ALL_PROXY", one}, {"NO_PROXY", "93.184.216.0/24"}}, "", corporate, corporate}, // a name
    {{{"ALL_PROXY", "socks5://10.0.0.7:3128"}}, "", "", ""},
    {{{"ALL_PROXY", "http://192.0.2.1:3128"}}, "", "", ""}, // that is we
    {{{"HTTP_PROXY", one}, {"REQUEST_METHOD", "GET"}}, "", "", ""},
    {both(one), "allow_upstream_proxy = false\n", "", ""},
  };
  for (const auto& [variables, lines, plain, tunnel] : rows) {
    for (const auto& [name, value] : variables)
      CAF_MESSAGE(name << "=" << value);
    std::string network = *lines ? "allowed_domains = [\"example.com\"]\n" : allowed;
    stage s{{.network = network + lines, .environment = variables, .may_fail = true}};
    name_all(s);
    std::map<std::string, stage::origin*> at80, at443;
    for (const auto* each : {corporate, another})
      at80[each] = at443[each] = &s.serve_at(each, 3128);
    at80[""] = &s.serve_at("93.184.216.34", 80);
    at443[""] = &s.serve_at("93.184.216.34", 443);
    s.client().say(get("http://example.com/"));
    auto& first = s.accept(*at80[plain]);
    CAF_CHECK(s.hears(first, *plain ? "GET http://example.com/ " : "GET / "));
    first.close();
    s.client().say(connect_to("example.com:443"));
    (void)s.accept(*at443[tunnel]);
  }
}

CAF_TEST(what the rules refuse goes to no upstream proxy and what only it can resolve does) {
  struct row {
    const char* host;
    bool passes;
  } rows[] = {{"hidden.example.com", true},
              {"private.example.com", false},
              {"us.example.com", false},
              {"denied.example.com", false},
              {"other.test", false}};
  for (const auto& [host, passes] : rows)
    for (auto tunnel : {false, true}) {
      CAF_MESSAGE(host << (tunnel ? " by CONNECT" : ""));
      stage s{{.network = std::string{allowed} + "denied_domains = [\"denied.example.com\"]\n",
               .environment = both("http://proxy.test:3128")}};
      name_all(s);
      s.names.names["private.example.com"] = {.addresses = {ip("10.0.0.1")}};
      s.names.names["us.example.com"] = {.addresses = {ip("192.0.2.1")}};
      auto& at = s.serve_at(corporate, 3128);
      auto& client = s.client();
      auto port = std::string{host}.starts_with("us.") ? ":3128" : ":80";
      client.say(tunnel ? connect_to(host + std::string{port})
                        : get("http://" + std::string{host} + port + "/"));
      if (passes) {
        CAF_CHECK(s.is_called(at));
      } else {
        CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
        CAF_CHECK(!s.is_called(at, 1s));
      }
    }
}

CAF_TEST(a tunnel carries the bytes of both ends and those that come with the answer) {
  stage s{{.network = allowed, .environment = both("http://proxy.test:3128")}};
  name_all(s);
  auto& at = s.serve_at(corporate, 3128);
  auto& client = s.client();
  client.say(connect_to("example.com:25"));
  auto& upstream = s.accept(at);
  CAF_CHECK(s.hears(upstream, "\r\n\r\n"));
  upstream.forget();
  std::string banner = "220 " + std::string(10'000, 'x') + "\r\n";
  upstream.say("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
               "HTTP/1.1 200 Established\r\nContent-Length: 5\r\n\r\n" +
               banner);
  CAF_CHECK(s.hears(client, "\r\n\r\n" + banner));
  CAF_CHECK(client.text.starts_with("HTTP/1.1 200"));
  CAF_CHECK(!client.hears("Content-Length"));
  client.say("EHLO\r\n");
  CAF_CHECK(s.hears(upstream, "EHLO\r\n"));
  upstream.finish();
  CAF_CHECK(s.until([&] { return client.ended; }));
}

CAF_TEST(TLS with the target goes on inside the tunnel) {
  for (const auto* shown : {"example.com", "proxy.test"}) {
    stage s{{.network = allowed, .environment = both("http://proxy.test:3128")}};
    name_all(s);
    auto& at = s.serve_at(corporate, 3128);
    auto& client = s.client();
    client.say(get("https://example.com/secret"));
    auto& upstream = s.accept(at);
    CAF_CHECK(s.hears(upstream, "\r\n\r\n"));
    CAF_CHECK(!upstream.hears("secret"));
    upstream.forget();
    upstream.say("HTTP/1.1 200 Established\r\n\r\n");
    CAF_CHECK(s.until([&] { return !upstream.text.empty(); }));
    upstream.answer_tls(*s.origin_tls, s.origin_leaf(shown));
    if (std::string{shown} == "proxy.test") {
      CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
      CAF_CHECK(client.hears("error=tls_certificate_error"));
      continue;
    }
    CAF_CHECK(s.hears(upstream, "GET /secret HTTP/1.1\r\nHost: example.com\r\n"));
    upstream.say(ok("hello"));
    CAF_CHECK(s.hears(client, "hello"));
    client.forget();
    client.say(get("https://example.com/next")); // and the tunnel is kept
    CAF_CHECK(s.hears(upstream, "GET /next HTTP/1.1\r\n"));
    upstream.say(ok("again"));
    CAF_CHECK(s.hears(client, "again"));
  }
}

CAF_TEST(a plain connection to an upstream proxy serves all hosts and a tunnel its own) {
  stage s{{.network = allowed, .environment = both("http://proxy.test:3128")}};
  name_all(s);
  auto& at = s.serve_at(corporate, 3128);
  auto& client = s.client();
  const std::string upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  client.say(get("http://example.com/ws", upgrade));
  auto& tunnel = s.accept(at);
  CAF_CHECK(s.hears(tunnel, "CONNECT example.com:80 "));
  tunnel.forget();
  tunnel.say("HTTP/1.1 200 Established\r\n\r\n");
  CAF_CHECK(s.hears(tunnel, "GET /ws HTTP/1.1\r\n")); // as an origin gets it
  CAF_CHECK(!tunnel.hears("http://"));
  tunnel.say(ok("not now"));
  CAF_CHECK(s.hears(client, "not now"));
  client.say(get("http://example.com/plain"));
  auto& plain = s.accept(at); // not what was left of the tunnel
  CAF_CHECK(s.hears(plain, "GET http://example.com/plain HTTP/1.1\r\n"));
}

CAF_TEST(of an upstream proxy with several addresses one that answers is used) {
  stage s{{.network = allowed, .environment = both("http://proxy.test:3128")}};
  name_all(s);
  s.names.names["proxy.test"] = {.addresses = {ip("fd00::7"), ip(another), ip(corporate)}};
  simulation::conditions hole;
  hole.swallows = true;
  s.set_way(s.place("fd00::7"), hole);
  (void)s.place(another); // where nothing listens
  auto& at = s.serve_at(corporate, 3128);
  auto& client = s.client();
  client.say(connect_to("example.com:443"));
  auto began = s.w.time().now();
  auto& upstream = s.accept(at, 2s);
  CAF_CHECK(s.w.time().now() - began < 600ms); // two attempts have 250 ms at most
  CAF_CHECK(s.hears(upstream, "CONNECT example.com:443 "));
  upstream.say("HTTP/1.1 200 OK\r\n\r\n");
  CAF_CHECK(s.hears(client, "HTTP/1.1 200"));
}
