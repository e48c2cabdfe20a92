#define CAF_SUITE policy.upstream_proxy
#include "policy/upstream_proxy.hpp" // unit under test

#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

using texts = std::vector<std::string>;
using variables = std::vector<proxy_environment::variable>;

rules with_listener() {
  auto out = allowing({});
  out.own_listeners = {{ip("127.0.0.1"), 3128}};
  return out;
}

std::string shown(const upstream_proxy* p) {
  if (!p)
    return "direct";
  return (p->tls ? "https://" : "http://") + (p->credentials.empty() ? "" : p->credentials + '@') +
         p->host.in_url() + ':' + std::to_string(p->port);
}

/// What the environment chooses for a target, and the warnings behind it.
std::string choose(const proxy_environment& env, bool tls, std::string_view name = "example.com") {
  texts warnings;
  upstream_proxies all{env, with_listener(), warnings};
  auto out = shown(all.choose(tls, unbox(host::parse(name)), tls ? 443 : 80));
  for (auto& w : warnings)
    out += "; " + w;
  return out;
}

bool bypasses(std::string_view list, std::string_view name, uint16_t port = 80) {
  return no_proxy{list}.matches(unbox(host::parse(name)), port);
}

} // namespace

CAF_TEST(a proxy is read from the forms in use) {
  struct row {
    std::string value;
    std::string_view answer;
  };
  for (auto& [value, answer] : std::initializer_list<row>{
         {"http://p.test:8080", "http://p.test:8080"},
         {"http://p.test", "http://p.test:80"},
         {"HTTPS://P.test/", "https://p.test:443"},
         {"p.test:3128", "http://p.test:3128"},
         {" p.test ", "http://p.test:80"},
         {"http://[::1]:8080", "http://[::1]:8080"},
         {"http://user:p%40ss@p.test:1", "http://user:p@ss@p.test:1"},
         {"http://u@p.test?x", "http://u@p.test:80"},
         {"", "direct"},
         {"socks5://p.test:1080", "direct; ignoring HTTPS_PROXY: non-http proxy protocol"},
         {"http://", "direct; ignoring HTTPS_PROXY: invalid proxy address (host: empty)"},
         {"http://a:secret%0d@p.test",
          "direct; ignoring HTTPS_PROXY: invalid proxy address (bad credentials)"},
         {"http://a:secret%4@p.test",
          "direct; ignoring HTTPS_PROXY: invalid proxy address (bad credentials)"},
         {"http://localhost:3128", "direct; ignoring HTTPS_PROXY: it names this proxy itself"},
         {"http://127.0.0.1:3128", "direct; ignoring HTTPS_PROXY: it names this proxy itself"},
         {"http://127.0.0.1:3129", "http://127.0.0.1:3129"},
       }) {
    CAF_MESSAGE(value);
    auto found = choose({.https = {{"HTTPS_PROXY", value}}}, true);
    CAF_CHECK_EQUAL(found, answer);
  }
  auto bad_port = choose({.https = {{"HTTPS_PROXY", "http://u:secret@p.test:99999"}}}, true);
  CAF_CHECK(bad_port.starts_with("direct; ignoring HTTPS_PROXY: invalid proxy address"));
  CAF_CHECK(bad_port.find("secret") == std::string::npos);
}

CAF_TEST(the first usable value of a group wins and ALL_PROXY stands in) {
  proxy_environment env{
    .https = {{"HTTPS_PROXY", "socks5://s.test"}, {"https_proxy", "http://lower.test"}},
    .http = {{"HTTP_PROXY", " "}, {"http_proxy", ""}},
    .all = {{"ALL_PROXY", "http://all.test:1"}},
  };
  CAF_CHECK_EQUAL(choose(env, true),
                  "http://lower.test:80; ignoring HTTPS_PROXY: non-http proxy protocol");
  CAF_CHECK_EQUAL(choose(env, false),
                  "http://all.test:1; ignoring HTTPS_PROXY: non-http proxy protocol");
  env.https.clear();
  CAF_CHECK_EQUAL(choose(env, true), "http://all.test:1");
  env.all.clear();
  env.http = {{"HTTP_PROXY", "http://plain.test"}};
  CAF_CHECK_EQUAL(choose(env, true), "direct"); // as in Go
  CAF_CHECK_EQUAL(choose(env, false), "http://plain.test:80");
  env.no_proxy = "example.com";
  CAF_CHECK_EQUAL(choose(env, false), "direct");
  CAF_CHECK_EQUAL(choose(env, false, "example.org"), "http://plain.test:80");
}

CAF_TEST(under CGI only the upper - case HTTP_PROXY is distrusted) {
  proxy_environment env{
    .http = {{"HTTP_PROXY", "http://attacker.test"}, {"http_proxy", "http://ours.test"}}};
  CAF_CHECK_EQUAL(choose(env, false), "http://attacker.test:80");
  env.cgi = true;
  CAF_CHECK_EQUAL(choose(env, false),
                  "http://ours.test:80; ignoring HTTP_PROXY: REQUEST_METHOD is set, "
                  "so it may come from a client's Proxy header");
}

CAF_TEST(clients and we choose alike what stands in the environment) {
  struct row {
    proxy_environment env;
    bool tls;
    std::string_view answer;
  };
  variables cache{{"HTTP_PROXY", "cache.corp.example.com:1234"}};
  for (auto& [env, tls, answer] : std::initializer_list<row>{
         {{.http = cache}, false, "http://cache.corp.example.com:1234"},
         {{.http = cache}, true, "direct"}, // HTTP_PROXY is for http:// alone
         {{.http = {{"HTTP_PROXY", "a"}, {"http_proxy", "b"}}}, false, "http://a:80"},
         // Clients end with an error there. We tell it, and go on without.
         {{.http = cache, .cgi = true},
          false,
          "direct; ignoring HTTP_PROXY: REQUEST_METHOD is set, "
          "so it may come from a client's Proxy header"},
         {{.http = cache, .no_proxy = "example.com"}, false, "direct"},
         {{.https = {{"HTTPS_PROXY", "s.test"}}, .no_proxy = "example.com"}, true, "direct"},
       }) {
    auto found = choose(env, tls);
    CAF_CHECK_EQUAL(found, answer);
  }
}

CAF_TEST(an empty environment reaches everything directly) {
  CAF_CHECK_EQUAL(choose({}, true), "direct");
  CAF_CHECK(upstream_proxies{}.choose(false, unbox(host::parse("example.com")), 80) == nullptr);
}

CAF_TEST(NO_PROXY is read as Go reads it) {
  struct row {
    std::string_view list, host;
    uint16_t port;
    bool direct;
  };
  for (auto& [list, name, port, direct] : std::initializer_list<row>{
         {"example.com", "example.com", 80, true},
         {"example.com", "a.example.com", 80, true},
         {"example.com", "notexample.com", 80, false},
         {".example.com", "example.com", 80, false},
         {".example.com", "a.example.com", 80, true},
         {"*.example.com", "example.com", 80, false},
         {"*.example.com", "a.b.example.com", 80, true},
         {"a.com , b.com", "b.com", 80, true},
         {"a.com b.com", "b.com", 80, false},
         {"*", "example.com", 80, true},
         {"a.com,*", "example.com", 80, true},
         {"example.com:8080", "example.com", 8080, true},
         {"example.com:8080", "example.com", 80, false},
         {"example.com:x", "example.com", 80, false},
         {"10.0.0.1", "10.0.0.1", 80, true},
         {"10.0.0.1", "10.0.0.2", 80, false},
         {"10.0.0.1:81", "10.0.0.1", 80, false},
         {"10.0.0.77/8", "10.9.9.9", 80, true}, // host bits do not matter here
         {"10.0.0.0/8", "11.0.0.1", 80, false},
         {"10.0.0.0/8", "::ffff:10.1.1.1", 80, true},
         {"10.0.0.0/33", "10.0.0.1", 80, false},
         {"fd00::/8", "fd12::1", 80, true},
         {"[::2]:443", "::2", 443, true},
         {"[::2]:443", "::2", 80, false},
         {".1", "10.0.0.1", 80, false}, // names are no suffixes of addresses
         {"", "localhost", 80, true},
         {"", "a.localhost", 80, true},
         {"", "127.1.2.3", 80, true},
         {"", "::ffff:127.0.0.1", 80, true},
         {"", "::1", 80, true},
         {"", "10.0.0.1", 80, false},
         {",,", "example.com", 80, false},
         {"EXAMPLE.com.", "example.com", 80, true},
       }) {
    CAF_MESSAGE(list << " for " << name);
    CAF_CHECK_EQUAL(bypasses(list, name, port), direct);
  }
}

CAF_TEST(a target chooses by how it is asked for) {
  proxy_environment env{.https = {{"HTTPS_PROXY", "tls.test"}},
                        .http = {{"HTTP_PROXY", "plain.test"}}};
  texts warnings;
  upstream_proxies all{env, with_listener(), warnings};
  struct row {
    policy::protocol protocol;
    bool inside;
    std::string_view answer;
  };
  for (auto& [protocol, inside, answer] : std::initializer_list<row>{
         {protocol::http, false, "http://plain.test:80"},
         {protocol::http, true, "http://tls.test:80"}, // the way of its tunnel
         {protocol::https, false, "http://tls.test:80"},
         {protocol::https_connect, false, "http://tls.test:80"},
         {protocol::socks5_tcp, false, "http://tls.test:80"},
         {protocol::socks5_udp, false, "direct"},
       }) {
    CAF_MESSAGE(to_string(protocol));
    target what;
    what.protocol = protocol;
    what.in_tunnel = inside;
    what.host = unbox(host::parse("example.com"));
    what.port = 80;
    auto found = shown(all.choose(what));
    CAF_CHECK_EQUAL(found, answer);
  }
}
