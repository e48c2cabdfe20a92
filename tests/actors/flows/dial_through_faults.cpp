#define CAF_SUITE actors.flows.dial_through_faults
#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// Upstream proxies that do not do their part: the client hears so in our words, and in time.

namespace {

constexpr auto allowed = "allowed_domains = [\"example.com\"]\nallow_upstream_proxy = true\n";
constexpr auto corporate = "10.0.0.7";

std::map<std::string, std::string> both(const std::string& url) {
  return {{"HTTP_PROXY", url}, {"HTTPS_PROXY", url}};
}

/// A stage whose proxy goes through another one.
struct through : stage {
  explicit through(const std::string& url = "http://proxy.test:3128",
                   const std::string& daemon = "", bool at_once = false)
    : stage{{.network = allowed, .daemon = daemon, .environment = both(url), .at_once = at_once}} {
    names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
    names.names["proxy.test"] = {.addresses = {ip(corporate)}};
  }
  /// A client that has said this.
  party& asks(const std::string& request) {
    auto& who = client();
    who.say(request);
    return who;
  }

  origin& upstream_at = serve_at(corporate, 3128);
};

const std::string tunnel = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
const std::string inside = get("https://example.com/");
const std::string plain = get("http://example.com/");

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i)
    out += text;
  return out;
}

} // namespace

CAF_TEST(an answer to CONNECT that opens no tunnel is 502 and names the upstream proxy) {
  const std::string opened = "HTTP/1.1 200 Established\r\n\r\n";
  const std::string interim = "HTTP/1.1 102 Processing\r\n\r\n";
  struct row {
    std::string reply;
    const char* words;
    bool ends = false; ///< It closes once it has said so.
  } rows[] = {
    {"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "answered 403 to CONNECT"},
    {"HTTP/1.1 502 Bad Gateway\r\n\r\n", "answered 502 to CONNECT"},
    {"HTTP/1.1 302 Found\r\nLocation: http://login.test/\r\n\r\n", "answered 302 to CONNECT"},
    {"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "answered 101 to CONNECT"},
    {"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n",
     "asks for credentials (407), and its URL has none"},
    {repeated(interim, 40) + opened, "answers nothing but interim responses"},
    {"SSH-2.0-x\r\n\r\n", "unsupported HTTP version"},
    {"HTTP/1.1 200 OK\r\nno field\r\n\r\n", "space before the colon"},
    {"HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'a'), "sends an endless head"},
    {"HTTP/1.1 200 OK\r\nA: b", "closed the connection within its answer", true},
    {interim, "closed the connection without an answer", true},
    {"", "closed the connection without an answer", true},
  };
  for (const auto& request : {tunnel, inside})
    for (const auto& [reply, words, ends] : rows) {
      CAF_MESSAGE(words << ", asked by " << request.substr(0, 8));
      through s;
      auto& client = s.asks(request);
      auto& upstream = s.accept(s.upstream_at);
      CAF_CHECK(s.hears(upstream, "\r\n\r\n"));
      upstream.say(reply);
      if (ends)
        upstream.finish();
      CAF_CHECK(s.hears(client, "\r\n\r\n"));
      CAF_CHECK(client.text.starts_with("HTTP/1.1 502"));
      CAF_CHECK(client.hears("upstream proxy http://proxy.test:3128: "));
      CAF_CHECK(client.hears(words));
      CAF_CHECK(!client.hears("Proxy-Authenticate"));
      CAF_CHECK(s.is_over(upstream, 1s)); // it is of no use any more
      CAF_CHECK(!s.is_called(s.upstream_at, 1s));
    }
}

CAF_TEST(thirty two interim answers before a tunnel are read over) {
  for (int count : {32, 33}) {
    through s;
    auto& client = s.asks(tunnel);
    auto& upstream = s.accept(s.upstream_at);
    upstream.say(repeated("HTTP/1.1 102 Processing\r\n\r\n", count) + "HTTP/1.1 200 OK\r\n\r\n");
    CAF_CHECK(s.hears(client, count == 32 ? "HTTP/1.1 200" : "HTTP/1.1 502"));
  }
}

CAF_TEST(credentials that do not help are told without being shown) {
  for (const auto& request : {tunnel, inside, plain}) {
    through s{"http://user:secret@proxy.test:3128"};
    auto& client = s.asks(request);
    auto& upstream = s.accept(s.upstream_at);
    CAF_CHECK(s.hears(upstream, "\r\n\r\n"));
    upstream.say("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"corp\"\r\n"
                 "Content-Length: 6\r\n\r\nplease");
    CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
    CAF_CHECK(s.hears(client, "upstream proxy http://proxy.test:3128: does not take the "
                              "credentials of its URL (407)"));
    CAF_CHECK(client.hears("error=proxy_authentication_required"));
    for (const auto* hidden : {"secret", "please", "corp", "proxy-authenticate"})
      CAF_CHECK(!client.hears(hidden));
    s.pass(1ms);
    auto log = s.log();
    CAF_CHECK(log.find("msg=fault") != std::string::npos);
    CAF_CHECK(log.find("secret") == std::string::npos);
  }
}

CAF_TEST(nothing may come before the handshake in a tunnel for TLS) {
  through s;
  auto& client = s.asks(inside);
  auto& upstream = s.accept(s.upstream_at);
  upstream.say("HTTP/1.1 200 Established\r\n\r\n" + ok("as if from the origin"));
  CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
  CAF_CHECK(s.hears(client, "sends bytes before the TLS handshake"));
  CAF_CHECK(!client.hears("as if"));
}

CAF_TEST(an upstream proxy that is slow has until its deadline and no longer) {
  enum class slow { names, to_connect, to_shake_hands, to_take, to_answer, half_an_answer, inside };
  struct row {
    slow at;
    const char* words;
  } rows[] = {
    {slow::names, "proxy.test"},
    {slow::to_connect, "no answer from 10.0.0.7 within timeouts.connect = 3s"},
    {slow::to_shake_hands, "took longer than timeouts.tls_handshake = 3s"},
    {slow::to_take, "took no request within timeouts.connect = 3s"},
    {slow::to_answer, "did not answer within timeouts.connect = 3s"},
    {slow::half_an_answer, "did not answer within timeouts.connect = 3s"},
    {slow::inside, "the TLS handshake with example.com took longer than timeouts.tls_handshake"},
  };
  for (const auto& [what, words] : rows) {
    CAF_MESSAGE(words);
    auto url = what == slow::to_shake_hands ? "https://proxy.test:3128" : "http://proxy.test:3128";
    through s{url,
              "timeouts.connect = \"3s\"\ntimeouts.tls_handshake = \"3s\"\n"
              "timeouts.dns = \"3s\"",
              what == slow::to_take}; // gathered, what nobody takes counts as taken
    if (what == slow::names)
      s.names.names["proxy.test"] = {.silent = true};
    simulation::conditions way;
    way.swallows = what == slow::to_connect;
    if (what == slow::to_take)
      way.longest_write = 0;
    s.w.net().set_conditions(s.here, s.upstream_at.on, way);
    auto& client = s.asks(inside);
    if (what == slow::names) {
      CAF_REQUIRE(s.until([&] { return !s.names.asked.empty(); }));
      CAF_CHECK(!s.hears(client, "HTTP", 2900ms));
    } else if (what == slow::to_connect) {
      CAF_CHECK(!s.hears(client, "HTTP", 2990ms));
    } else {
      auto& upstream = s.accept(s.upstream_at);
      if (what == slow::half_an_answer || what == slow::inside) {
        CAF_CHECK(s.hears(upstream, "\r\n\r\n"));
        upstream.say(what == slow::inside ? "HTTP/1.1 200 OK\r\n\r\n" : "HTTP/1.1 200 OK\r\nA:");
      }
      CAF_CHECK(!s.hears(client, "HTTP", 2990ms));
    }
    CAF_CHECK(s.hears(client, "HTTP/1.1 504", 200ms));
    CAF_CHECK(s.hears(client, words));
    if (what != slow::inside)
      CAF_CHECK(client.hears("proxy.test") || what == slow::to_connect);
  }
}

CAF_TEST(an answer that comes late but in time and in pieces is taken) {
  through s;
  simulation::conditions way;
  way.longest_read = 1;
  way.longest_write = 3;
  way.spurious = 300'000;
  s.set_way(s.upstream_at.on, way);
  auto& client = s.asks(tunnel);
  auto& upstream = s.accept(s.upstream_at);
  CAF_CHECK(s.hears(upstream, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n"));
  for (const auto* piece : {"HTTP/1.1 20", "0 OK\r\nA: b\r\n\r", "\n220 hello\r\n"}) {
    s.pass(3s);
    CAF_CHECK(!client.hears("HTTP"));
    upstream.say(piece);
  }
  CAF_CHECK(s.hears(client, "HTTP/1.1 200"));
  CAF_CHECK(s.hears(client, "220 hello\r\n"));
}

CAF_TEST(an upstream proxy that cannot be reached is told as its own fault) {
  struct row {
    const char* url;
    const char* error;
    const char* words;
  } rows[] = {
    {"http://nobody.test:3128", "dns_error", "upstream proxy http://nobody.test:3128: nobody.test"},
    {"http://refused.test:3128", "dns_error", "upstream proxy http://refused.test:3128"},
    {"http://10.0.0.7:3129", "connection_refused", "upstream proxy http://10.0.0.7:3129: 10.0.0.7"},
    {"http://proxy.test:3129", "connection_refused", "upstream proxy http://proxy.test:3129: 10."},
    {"http://10.0.0.99:3128", "destination_ip_unroutable", "upstream proxy http://10.0.0.99:3128"},
    {"http://us.test:3128", "http_protocol_error", "http://us.test:3128 is this proxy itself"},
    {"http://us6.test:3128", "http_protocol_error", "http://us6.test:3128 is this proxy itself"},
  };
  for (const auto& [url, error, words] : rows)
    for (const auto& request : {tunnel, inside, plain}) {
      CAF_MESSAGE(words << ", asked by " << request.substr(0, 8));
      through s{url};
      s.names.names["refused.test"] = {.code = 5};
      s.names.names["us.test"] = {.addresses = {ip("10.0.0.7"), ip("192.0.2.1")}};
      s.names.names["us6.test"] = {.addresses = {ip("::ffff:192.0.2.1")}};
      auto& client = s.asks(request);
      CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
      CAF_CHECK(s.hears(client, words));
      CAF_CHECK(client.hears(std::string{"error="} + error));
    }
}

CAF_TEST(an upstream proxy in TLS has to show who it is) {
  for (const auto* shown : {"other.test", ""}) { // garbage comes from the last
    through s{"https://proxy.test:3128"};
    auto& client = s.asks(plain);
    auto& upstream = s.accept(s.upstream_at);
    if (*shown)
      upstream.answer_tls(*s.origin_tls, s.origin_leaf(shown));
    else
      upstream.say("HTTP/1.1 400 Bad Request\r\n\r\n");
    CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
    CAF_CHECK(client.hears(*shown ? "error=tls_certificate_error" : "error=tls_protocol_error"));
    CAF_CHECK(s.hears(client, "upstream proxy https://proxy.test:3128: "));
    CAF_CHECK(!upstream.hears("GET "));
  }
}

CAF_TEST(a reset of the upstream proxy while it is asked is an answer of ours) {
  for (auto blocked : {true, false}) {
    through s;
    simulation::conditions way;
    if (blocked)
      way.longest_write = 0;
    s.w.net().set_conditions(s.here, s.upstream_at.on, way);
    auto& client = s.asks(tunnel);
    auto& upstream = s.accept(s.upstream_at);
    s.pass(1s);
    CAF_CHECK_EQUAL(upstream.text.empty(), blocked);
    upstream.reset();
    CAF_CHECK(s.hears(client, "HTTP/1.1 502", 1s));
    CAF_CHECK(s.hears(client, "upstream proxy http://proxy.test:3128: closed the connection"));
  }
}

CAF_TEST(a client that leaves takes its wait for the upstream proxy along) {
  through s;
  auto& client = s.asks(tunnel);
  auto& upstream = s.accept(s.upstream_at);
  CAF_REQUIRE(s.hears(upstream, "\r\n\r\n"));
  client.reset();
  CAF_CHECK(s.is_over(upstream, 100ms));
}
