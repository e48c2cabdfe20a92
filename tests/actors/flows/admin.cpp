#define CAF_SUITE actors.flows.admin
#include "actors/admin/routes.hpp" // unit under test

#include "tests/actors/flows/socks_client.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

const std::string allowed = R"(allowed_domains = ["good.test", "**.slow.test"])"
                            "\ndenied_domains = [\"evil.test\"]";

struct served : stage {
  explicit served(size_t loops = 1, const std::string& network = allowed, std::string daemon = "")
    : stage({.network = network, .daemon = std::move(daemon), .loops = loops}) {
    names.names["good.test"] = {.addresses = {ip("93.184.216.34")}};
  }
  origin& at = serve_at("93.184.216.34", 80);

  /// A request that is refused.
  void block(const std::string& host) {
    auto& who = client();
    who.say(get("http://" + host + "/"));
    CAF_CHECK(hears(who, "403"));
    who.close();
    pass(1ms);
  }
};

/// The body of an answer.
std::string body_of(const std::string& answer) {
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

/// The hosts that GET /blocked lists, in order.
std::string hosts_in(const std::string& answer) {
  std::string out;
  constexpr std::string_view field = "\"host\":\"";
  for (auto at = answer.find(field); at != std::string::npos; at = answer.find(field, at + 1)) {
    auto begin = at + field.size();
    out += answer.substr(begin, answer.find('"', begin) - begin) + ' ';
  }
  return out;
}

std::string number_behind(const std::string& text, const std::string& name) {
  auto at = text.find("\"" + name + "\":") + name.size() + 3;
  return text.substr(at, text.find_first_not_of("0123456789", at) - at);
}

} // namespace

CAF_TEST(every route answers its method and names it to others) {
  struct row {
    std::string path, type, part;
    bool post;
  };
  for (const auto& [path, type, part, post] : std::initializer_list<row>{
         {"/health", "text/plain", "ok", false},
         {"/livez", "text/plain", "ok", false},
         {"/readyz", "text/plain", "ok", false},
         {"/healthz", "text/plain", "ok", false},
         {"/readyz/listeners", "text/plain", "ok", false},
         {"/config", "application/json", "\"evil.test\"", false},
         {"/patterns", "application/json",
          R"({"allowed":["good.test","**.slow.test"],"denied":["evil.test"]})", false},
         {"/blocked", "application/json", R"({"blocked":[],"total":0,"next":0})", false},
         {"/connections", "application/json", R"({"connections":[],"total":0})", false},
         {"/metrics", "text/plain; version=0.0.4; charset=utf-8",
          "codex_network_proxy_policy_generation 1\n", false},
         {"/explain?url=evil.test", "application/json", "\"decision\":\"deny\"", false},
         {"/ca.pem", "application/json", "interception is off", false},
         {"/reload", "application/json", R"("status":"reloaded")", true},
         {"/mode", "application/json", "missing body", true},
       }) {
    CAF_MESSAGE(path);
    served s;
    auto status = path == "/ca.pem" ? "404" : path == "/mode" ? "400" : "200";
    auto answer = ask_admin(s, (post ? "POST " : "GET ") + path);
    CAF_CHECK(answer.starts_with("HTTP/1.1 "s + status));
    CAF_CHECK(has(answer, "content-type: " + type + "\r\n"));
    CAF_CHECK(has(body_of(answer), part));
    CAF_CHECK(has(answer, "content-length: " + std::to_string(body_of(answer).size()) + "\r\n"));
    if (!post) {
      // HEAD is the same without its body.
      auto head = ask_admin(s, "HEAD " + path);
      CAF_CHECK(head.starts_with("HTTP/1.1 "s + status));
      CAF_CHECK_EQUAL(body_of(head), "");
    }
    for (std::string method : {post ? "GET" : "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
      auto refused = ask_admin(s, method + ' ' + path);
      CAF_CHECK(refused.starts_with("HTTP/1.1 405"));
      CAF_CHECK(has(refused, post ? "allow: POST\r\n" : "allow: GET, HEAD\r\n"));
      CAF_CHECK(has(refused, R"({"error":"method not allowed"})"));
    }
  }
}

CAF_TEST(what there is not is 404 and a head that cannot be read ends the connection) {
  served s{1, allowed, "limits.max_head_bytes = 2048"};
  for (std::string path : {"/", "/nothing", "/health/", "/HEALTH", "//health", "/config.json",
                           "/health/ok", "/readyzz"}) {
    auto answer = ask_admin(s, "GET " + path);
    CAF_CHECK(answer.starts_with("HTTP/1.1 404"));
    CAF_CHECK(has(answer, R"({"error":"not found"})"));
    CAF_CHECK(has(answer, "x-request-id: "));
  }
  struct row {
    std::string head, status;
  };
  for (const auto& [head, status] : std::initializer_list<row>{
         {"nonsense\r\n\r\n", "400"},
         {"GET /health HTTP/1.1\r\n\r\n", "400"}, // no Host
         {"GET /health HTTP/1.0\r\n\r\n", "200"}, // as load balancers ask
         {"GET /health#x HTTP/1.0\r\n\r\n", "400"},
         {"GET /blocked?since=%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
         {"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
         {"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(3000, 'x') + "\r\n\r\n",
          "431"},
         {"GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"},
         {"\5\1\0"s, "400"},
         {"\x16\3\1\2\0\1"s, "400"},
       }) {
    CAF_MESSAGE(head.substr(0, 60));
    auto& asks = s.client(8080);
    asks.say(head);
    CAF_CHECK(s.hears(asks, "HTTP/1.1 " + status, 1s));
    CAF_CHECK(s.is_over(asks, 1s) == (status != "200" || has(head, "/1.0")));
  }
}

CAF_TEST(a client may ask for one thing after the other and all at once) {
  served s;
  auto& asks = s.client(8080);
  std::string one = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", all;
  for (int i = 0; i < 30; ++i)
    all += one;
  asks.say(all);
  s.pass(1s);
  size_t answers = 0;
  for (size_t at = 0; (at = asks.text.find("\r\n\r\nok", at)) != std::string::npos; ++at)
    ++answers;
  CAF_CHECK_EQUAL(answers, 30u);
  asks.forget();
  asks.say(one);
  CAF_CHECK(s.hears(asks, "ok"));
  // Kept open as long as a client of the proxy is, and not longer.
  CAF_CHECK(!s.is_over(asks, 74s));
  CAF_CHECK(s.is_over(asks, 2s));
  auto& slow = s.client(8080);
  slow.say("GET /health HT");
  CAF_CHECK(!s.is_over(slow, 29s));
  CAF_CHECK(s.hears(slow, "HTTP/1.1 408", 2s));
}

CAF_TEST(blocked requests of all workers are listed in one order and read by cursor) {
  served s{2};
  for (int i = 0; i < 7; ++i)
    s.block("n" + std::to_string(i) + ".test");
  auto all = ask_admin(s, "GET /blocked");
  CAF_CHECK_EQUAL(hosts_in(all), "n0.test n1.test n2.test n3.test n4.test n5.test n6.test ");
  CAF_CHECK_EQUAL(number_behind(all, "total"), "7");
  std::string seen, since = "0";
  for (int pages = 0; pages < 10; ++pages) {
    auto page = ask_admin(s, "GET /blocked?since=" + since + "&limit=2");
    if (hosts_in(page).empty())
      break;
    seen += hosts_in(page) + "| ";
    since = number_behind(page, "next");
  }
  CAF_CHECK_EQUAL(seen, "n0.test n1.test | n2.test n3.test | n4.test n5.test | n6.test | ");
  struct row {
    std::string query, hosts;
  };
  for (const auto& [query, hosts] : std::initializer_list<row>{
         {"?limit=2", "n5.test n6.test "}, // the newest
         {"?limit=0", ""},
         {"?limit=1000", "n0.test n1.test n2.test n3.test n4.test n5.test n6.test "},
         {"?since=0&limit=1", "n0.test "},
         {"?since=" + since, ""},
         {"?since=18446744073709551615", ""},
         {"?unknown=1&limit=1", "n6.test "},
       }) {
    auto got = hosts_in(ask_admin(s, "GET /blocked" + query));
    CAF_MESSAGE(query);
    CAF_CHECK_EQUAL(got, hosts);
  }
  for (std::string bad : {"since=x", "since=", "since=-1", "limit=-1", "limit=1e3", "limit=+1",
                          "since=18446744073709551616"}) {
    auto answer = ask_admin(s, "GET /blocked?" + bad);
    CAF_CHECK(answer.starts_with("HTTP/1.1 400"));
    CAF_CHECK(has(answer, "bad number: " + bad.substr(0, 5)));
  }
  // What came after the question is what the cursor goes on with.
  s.block("later.test");
  auto later = hosts_in(ask_admin(s, "GET /blocked?since=" + since));
  CAF_CHECK_EQUAL(later, "later.test ");
}

CAF_TEST(the newest two hundred blocked requests are kept and all are counted) {
  served s{2};
  auto& who = s.client();
  for (int i = 0; i < 205; ++i)
    who.say(get("http://n" + std::to_string(i) + ".test/"));
  CAF_CHECK(s.hears(who, "n204.test"));
  auto all = ask_admin(s, "GET /blocked");
  CAF_CHECK(hosts_in(all).starts_with("n5.test n6.test "));
  CAF_CHECK(hosts_in(all).ends_with("n204.test "));
  CAF_CHECK_EQUAL(number_behind(all, "total"), "205");
  auto& entry = all;
  CAF_CHECK(has(entry, R"("port":80,"reason":"not_allowed","decision":"deny",)"
                       R"("source":"baseline_policy","protocol":"http","method":"GET",)"
                       R"("mode":"full","client":"192.0.2.9:)"));
}

CAF_TEST(connections of all workers are listed by what they do) {
  served s{2};
  std::vector<party*> tunnels;
  for (int i = 0; i < 4; ++i)
    tunnels.push_back(&s.tunnel("good.test:80"));
  [[maybe_unused]] auto open = associate(s);
  auto& idle = s.client();
  idle.say(get("http://evil.test/"));
  CAF_CHECK(s.hears(idle, "403"));
  auto& busy = s.client();
  busy.say(get("http://good.test/slow"));
  s.pass(1500ms);
  auto all = ask_admin(s, "GET /connections");
  CAF_CHECK_EQUAL(number_behind(all, "total"), "7");
  auto count = [&](std::string_view part) {
    size_t out = 0;
    for (size_t at = 0; (at = all.find(part, at)) != std::string::npos; ++at)
      ++out;
    return out;
  };
  CAF_CHECK(count(R"("state":"tunnel","protocol":"https_connect","host":"good.test","port":80)") ==
            4);
  CAF_CHECK(count(R"("rule":{"text":"good.test","file":)") >= 4);
  CAF_CHECK(count(R"("state":"association")") == 1);
  CAF_CHECK(count(R"("state":"idle","protocol":null,"host":null,"port":null,"rule":null)") == 1);
  CAF_CHECK(count(R"("state":"request","protocol":"http","host":"good.test","port":80)") == 1);
  CAF_CHECK(count(R"("age_ms":1500)") >= 1);
  CAF_CHECK(hosts_in(ask_admin(s, "GET /connections?limit=2")) == "good.test good.test ");
  for (std::string bad : {"-1", "x", "100001"})
    CAF_CHECK(ask_admin(s, "GET /connections?limit=" + bad).starts_with("HTTP/1.1 400"));
  for (auto* each : tunnels)
    each->reset();
  s.pass(1s);
  all = ask_admin(s, "GET /connections");
  CAF_CHECK_EQUAL(number_behind(all, "total"), "3");
}

CAF_TEST(metrics are the sum of all workers) {
  served s{2};
  for (int i = 0; i < 5; ++i)
    s.block("n" + std::to_string(i) + ".test");
  s.block("evil.test");
  for (int i = 0; i < 3; ++i)
    (void)s.tunnel("good.test:80");
  auto& lost = s.client();
  lost.say("nonsense\r\n\r\n");
  CAF_CHECK(s.hears(lost, "400"));
  struct row {
    std::string series;
    int value;
  };
  for (
    const auto& [series, value] : std::initializer_list<row>{
      {R"(decisions_total{decision="deny",reason="not_allowed",protocol="http",mode="full"})", 5},
      {R"(decisions_total{decision="deny",reason="denied",protocol="http",mode="full"})", 1},
      {R"(decisions_total{decision="allow",reason="allow",protocol="https_connect",mode="full"})",
       3},
      {R"(decisions_total{decision="deny",reason="client_required",protocol="http",mode="full"})",
       0},
      {R"(connections_active{protocol="admin"})", 1},
      {R"(request_duration_seconds_count{phase="total"})", 10},
      {R"(faults_total{kind="malformed"})", 1},
      {R"(faults_total{kind="dns_error"})", 0},
      {"tunnels_active", 3},
      {"upstream_connects_total", 3},
      {"requests_total", 10},
      {"workers", 2},
      {"policy_generation", 1},
      {"udp_associations_active", 0},
      {R"(events_dropped_total{subscriber="audit"})", 0},
      {"audit_dropped_total", 0},
    }) {
    CAF_MESSAGE(series);
    CAF_CHECK(counted(s, series) == value);
  }
  auto all = ask_admin(s, "GET /metrics");
  for (std::string name : {"process_cpu_seconds_total", "process_open_fds", "process_max_fds",
                           "process_resident_memory_bytes", "process_start_time_seconds"})
    CAF_CHECK(has(all, "\n" + name + ' '));
  s.install(allowed);
  CAF_CHECK(counted(s, "policy_generation") == 2);
}

CAF_TEST(an explanation is what a request would meet and asks nobody but the name server) {
  struct row {
    std::string query, part;
  };
  served s{1, allowed, "timeouts.dns = \"5s\""};
  s.names.names["late.slow.test"] = {.addresses = {ip("93.184.216.34")}, .late = 900ms};
  s.names.names["never.slow.test"] = {.silent = true};
  s.names.names["inside.slow.test"] = {.addresses = {ip("10.0.0.1")}};
  for (const auto& [query, part] : std::initializer_list<row>{
         {"url=http://good.test/", R"("decision":"allow")"},
         {"url=http://good.test/&method=POST", R"("method":"POST")"},
         {"url=http%3A%2F%2Fevil.test%2F", R"("reason":"denied")"},
         {"url=other.test:443", R"("reason":"not_allowed")"},
         {"url=good.test:80&protocol=socks5_tcp", R"("protocol":"socks5_tcp")"},
         {"url=good.test:80&protocol=socks5_udp", R"("protocol":"socks5_udp")"},
         {"url=http://late.slow.test/", "93.184.216.34"},
         {"url=http://inside.slow.test/", R"("reason":"not_allowed_local")"},
         {"url=http://gone.slow.test/", R"("reason":"dns_error")"},
         {"url=http://never.slow.test/", R"("reason":"dns_timeout")"},
         {"url=http://bad..name/", R"("decision":"deny")"},
         {"url=http://good.test/&header=Upgrade:+x&header=Connection:+Upgrade", "good.test"},
       }) {
    CAF_MESSAGE(query);
    auto answer = ask_admin(s, "GET /explain?" + query);
    CAF_CHECK(answer.starts_with("HTTP/1.1 200"));
    CAF_CHECK(has(answer, part));
  }
  for (std::string bad : {"", "?url=", "?url=good.test&protocol=ftp", "?method=GET"})
    CAF_CHECK(ask_admin(s, "GET /explain" + bad).starts_with("HTTP/1.1 400"));
  CAF_CHECK(s.events.empty());
  CAF_CHECK(!s.is_called(s.at, 1s));
}

CAF_TEST(the CA is shown where there is one) {
  served s{1, allowed + "\nmitm = true"};
  auto answer = ask_admin(s, "GET /ca.pem");
  CAF_CHECK(has(answer, "content-type: application/x-pem-file\r\n"));
  CAF_CHECK(body_of(answer).starts_with("-----BEGIN CERTIFICATE-----"));
  CAF_CHECK(!has(answer, "PRIVATE"));
}
