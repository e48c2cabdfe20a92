#define CAF_SUITE actors.flows.explain_flow
#include "actors/admin/explain.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

using json = nlohmann::json;

const std::string lists = R"(allowed_domains = ["example.com", "*.example.com", "8.8.8.8"]
denied_domains = ["bad.example.com", "8.8.4.0/24"])";

struct explaining : stage {
  explicit explaining(stage_settings with = {.network = lists}) : stage(std::move(with)) {
    auto& n = names.names;
    n["example.com"] = {.addresses = {ip("93.184.216.34")}};
    n["local.example.com"] = {.addresses = {ip("10.0.0.1")}};
    n["both.example.com"] = {.addresses = {ip("93.184.216.34"), ip("10.0.0.1")}};
    n["meta.example.com"] = {.addresses = {ip("169.254.169.254")}};
    n["denied.example.com"] = {.addresses = {ip("8.8.4.4")}};
    n["broken.example.com"] = {.code = 2};
    n["silent.example.com"] = {.silent = true};
  }
  origin& plain = serve_at("93.184.216.34", 80);
  origin& secure = serve_at("93.184.216.34", 443);

  party& ask_admin(const std::string& query) {
    auto& who = client(8080);
    who.say("GET /explain?" + query + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return who;
  }
  json answer(party& who) {
    CAF_CHECK(is_over(who));
    auto body = who.text.find("\r\n\r\n");
    CAF_REQUIRE_NOT_EQUAL(body, std::string::npos);
    return json::parse(who.text.substr(body + 4));
  }
  json explain(const std::string& query) { return answer(ask_admin(query)); }

  /// What becomes of the request itself: 200 where it reaches its origin.
  int live(const std::string& method, const std::string& url) {
    auto tunnel = url.find("http://") != 0;
    auto rest = url.substr(url.find("//") == std::string::npos ? 0 : url.find("//") + 2);
    auto host = rest.substr(0, rest.find('/'));
    if (tunnel && host.find(':') == std::string::npos)
      host += ":443";
    auto& who = client();
    who.say(tunnel ? "CONNECT " + host + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
                   : method + ' ' + url + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    auto& at = tunnel ? secure : plain;
    CAF_CHECK(until(
      [&] { return who.hears("\r\n\r\n") || at.on.readiness(at.listens) != 0 || who.is_over(); }));
    if (who.text.empty()) {
      auto& reached = accept(at);
      CAF_CHECK(tunnel ? hears(who, "HTTP/1.1 200") : hears(reached, "\r\n\r\n"));
      reached.close();
      who.close();
      return 200;
    }
    auto status = std::stoi(who.text.substr(9, 3));
    who.close();
    return status;
  }
};

std::string words(const json& verdict) {
  auto text = [](const json& x) { return x.is_string() ? x.get<std::string>() : x.dump(); };
  return text(verdict["decision"]) + ' ' + text(verdict["reason"]) + ' ' + text(verdict["status"]);
}

/// The step of this name; "" where there is none.
std::string step(const json& verdict, const std::string& name) {
  std::string out;
  for (const auto& each : verdict["steps"])
    if (each["name"] == name)
      out += each["outcome"].get<std::string>();
  return out;
}

} // namespace

CAF_TEST(what is explained becomes of the request) {
  struct row {
    std::string method, url, words;
  };
  struct policy {
    std::string more;
    std::vector<row> rows;
  };
  const std::string denylist = "deny denied 403", allowlist = "deny not_allowed 403",
                    local = "deny not_allowed_local 403", pass = "allow allow 200";
  for (const auto& [more, rows] : {
         policy{"",
                {{"GET", "http://example.com/x?y=z", pass},
                 {"POST", "http://example.com/", pass},
                 {"GET", "https://example.com/", pass},
                 {"GET", "example.com", pass},
                 {"GET", "http://bad.example.com/", denylist},
                 {"GET", "https://bad.example.com/", denylist},
                 {"GET", "http://other.test/", allowlist},
                 {"GET", "https://other.test/", allowlist},
                 {"GET", "http://local.example.com/", local},
                 {"GET", "https://local.example.com/", local},
                 {"GET", "http://both.example.com/", local},
                 {"GET", "http://meta.example.com/", local},
                 {"GET", "http://denied.example.com/", denylist},
                 {"GET", "http://8.8.4.4/", denylist},
                 {"GET", "http://127.0.0.1/", local},
                 {"GET", "http://2130706433/", local},
                 {"GET", "http://192.0.2.1:3128/", local},
                 {"GET", "http://gone.example.com/", "allow dns_error 502"},
                 {"GET", "https://gone.example.com/", "allow dns_error 502"},
                 {"GET", "http://broken.example.com/", "allow dns_error 502"},
                 {"GET", "http://silent.example.com/", "allow dns_timeout 504"}}},
         policy{"mode = \"limited\"",
                {{"GET", "http://example.com/", pass},
                 {"POST", "http://example.com/", "deny method_not_allowed 403"},
                 {"GET", "https://example.com/", "deny mitm_required 403"},
                 {"GET", "https://bad.example.com/", denylist},
                 {"POST", "http://other.test/", allowlist}}},
         policy{"allow_local_binding = true",
                {{"GET", "http://meta.example.com/", local},
                 {"GET", "http://192.0.2.1:3128/", local},
                 {"GET", "http://denied.example.com/", denylist}}},
       }) {
    explaining s;
    s.install(lists + '\n' + more);
    for (const auto& [method, url, expected] : rows) {
      CAF_MESSAGE(more << ": " << method << ' ' << url);
      auto verdict = s.explain("method=" + method + "&url=" + url);
      auto told = words(verdict);
      CAF_CHECK_EQUAL(told, expected);
      auto status = verdict["status"].get<int>();
      auto came_to = s.live(method, url);
      CAF_CHECK_EQUAL(came_to, status);
      auto unreachable = verdict.contains("reachable");
      CAF_CHECK_EQUAL(unreachable, expected == "allow dns_error 502");
    }
  }
}

CAF_TEST(an explanation leaves no trace and asks for no more than it needs) {
  explaining s;
  for (std::string url : {"http://bad.example.com/", "http://other.test/", "http://8.8.8.8/",
                          "http://127.0.0.1/", "https://other.test/"})
    (void)s.explain("url=" + url);
  CAF_CHECK(s.names.asked.empty());
  (void)s.explain("url=http://example.com/");
  CAF_CHECK(!s.names.asked.empty());
  s.pass(1min);
  CAF_CHECK(s.events.empty());
  CAF_CHECK(!s.is_called(s.plain, 0s));
  auto& admin = s.client(8080);
  admin.say("GET /blocked HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CAF_CHECK(s.hears(admin, R"({"blocked":[],"total":0)"));
}

CAF_TEST(a verdict names the rule and its place and what to write) {
  explaining s;
  auto denied = s.explain("url=http://bad.example.com/");
  CAF_CHECK(denied["rule"]["text"] == "bad.example.com");
  CAF_CHECK(denied["rule"]["file"] == s.at("config.toml"));
  CAF_CHECK(denied["rule"]["line"] == 15);
  CAF_CHECK(denied["x_proxy_error"] == "blocked-by-denylist");
  auto unlisted = s.explain("url=http://other.test/");
  CAF_CHECK(unlisted["rule"].is_null());
  CAF_CHECK(unlisted["remedy"].get<std::string>().find("other.test") != std::string::npos);
  auto passes = s.explain("url=https://example.com/a");
  CAF_CHECK(passes["rule"]["text"] == "example.com");
  CAF_CHECK(passes["protocol"] == "https_connect");
  CAF_CHECK(passes["addresses"] == json{"93.184.216.34"});
  CAF_CHECK(passes["x_proxy_error"].is_null());
}

CAF_TEST(protocols and headers of the question count) {
  struct row {
    std::string query, words;
  };
  explaining s;
  s.install(lists + "\nmode = \"limited\"");
  for (const auto& [query, expected] : std::initializer_list<row>{
         {"url=example.com:80&protocol=socks5_tcp", "deny method_not_allowed 403"},
         {"url=example.com:53&protocol=socks5_udp", "deny method_not_allowed 403"},
         {"url=https://example.com/&protocol=http", "allow allow 200"},
         {"url=http://example.com/&protocol=https_connect", "deny mitm_required 403"},
         {"url=ws://example.com/", "deny method_not_allowed 403"},
         {"url=http://example.com/&header=Connection:upgrade&header=Upgrade:websocket",
          "deny method_not_allowed 403"},
         {"url=http://example.com/&header=Host:other.test", "deny malformed 400"},
         {"url=http://other.test/&header=x-unix-socket:/run/a.sock",
          "deny unix_socket_unsupported 501"},
         {"url=http://example.com/&header=x-unix-socket:/a&header=x-unix-socket:/b",
          "deny malformed 400"},
       }) {
    CAF_MESSAGE(query);
    auto told = words(s.explain(query));
    CAF_CHECK_EQUAL(told, expected);
  }
}

CAF_TEST(a question that is none is refused or explained as what it is) {
  explaining s;
  for (std::string query : {"", "method=GET", "url=", "url=http://a.test/&protocol=gopher"}) {
    auto& who = s.ask_admin(query);
    CAF_CHECK(s.hears(who, "HTTP/1.1 400"));
  }
  for (std::string url : {"ftp://example.com/", "http://", "http://a..b/", "http://a:0/",
                          "http://user@example.com/", "http://a.test/%0d%0aX:%20y"}) {
    CAF_MESSAGE(url);
    auto verdict = s.explain("url=" + url);
    auto told = words(verdict);
    CAF_CHECK_EQUAL(told, "deny malformed 400");
    CAF_CHECK(!step(verdict, "request").empty());
  }
}

CAF_TEST(a name that is not found is waited for as long as a client would and no longer) {
  explaining s{{.network = lists, .daemon = "timeouts.dns = \"7s\""}};
  auto& who = s.ask_admin("url=http://silent.example.com/");
  CAF_CHECK(!s.hears(who, "HTTP/1.1", 6500ms));
  CAF_CHECK(s.hears(who, "dns_timeout", 1s));
}

CAF_TEST(a policy that comes while a name is looked up is the one that is explained) {
  explaining s;
  s.names.names["example.com"].late = 3s;
  auto& who = s.ask_admin("url=http://example.com/");
  CAF_CHECK(!s.hears(who, "HTTP/1.1", 1s));
  s.install("allowed_domains = [\"other.test\"]");
  auto told = words(s.answer(who));
  CAF_CHECK_EQUAL(told, "deny not_allowed 403");
}

CAF_TEST(what is read inside a tunnel is judged as the request that it is) {
  struct row {
    std::string query, words;
  };
  explaining s;
  s.install(lists + "\nmitm = true\n[[permissions.dev.network.mitm_hooks]]\n"
                    "host = \"example.com\"\n[permissions.dev.network.mitm_hooks.match]\n"
                    "methods = [\"GET\"]\npath_prefixes = [\"/v1/\"]\n"
                    "[permissions.dev.network.mitm_hooks.actions]\n"
                    "strip_request_headers = [\"x-old\"]\n");
  auto hooked = s.explain("url=https://example.com/v1/a");
  auto told = words(hooked);
  CAF_CHECK_EQUAL(told, "allow allow 200");
  CAF_CHECK(hooked["mitm"] == true);
  CAF_CHECK(hooked["hook"] == 0);
  CAF_CHECK(step(hooked, "hook_actions").find("x-old") != std::string::npos);
  for (const auto& [query, expected] : std::initializer_list<row>{
         {"url=https://example.com/v2/a", "deny mitm_hook_denied 403"},
         {"url=https://example.com/v1/a&method=POST", "deny mitm_hook_denied 403"},
         {"url=https://example.com/v1/../v2", "deny mitm_hook_denied 403"},
         {"url=http://example.com/v1/a", "deny mitm_required 403"},
         {"url=https://example.com/v1/a&header=Host:other.test", "deny misdirected_request 421"},
         {"url=example.com:443", "allow allow 200"}, // each request inside by itself
       }) {
    CAF_MESSAGE(query);
    auto verdict = words(s.explain(query));
    CAF_CHECK_EQUAL(verdict, expected);
  }
}

CAF_TEST(a refusal that is told inside the tunnel is explained so) {
  explaining s;
  s.install(lists + "\nmitm = true\nrefusals = \"inside\"");
  auto told = s.explain("url=https://other.test/");
  CAF_CHECK(told["told_inside"] == true);
  CAF_CHECK(step(told, "refusals").find("CONNECT gets 200") != std::string::npos);
  CAF_CHECK(!s.explain("url=http://other.test/").contains("told_inside"));
  CAF_CHECK_EQUAL(s.live("GET", "https://other.test/"), 200); // and the refusal inside
}

CAF_TEST(an upstream proxy is named and resolves what we cannot) {
  explaining s{
    {.network = lists, .environment = {{"HTTP_PROXY", "http://me:secret@93.184.216.40:8000"}}}};
  auto verdict = s.explain("url=http://gone.example.com/");
  auto told = words(verdict);
  CAF_CHECK_EQUAL(told, "allow allow 200");
  CAF_CHECK(step(verdict, "upstream_proxy").find("93.184.216.40:8000") != std::string::npos);
  CAF_CHECK(step(verdict, "resolve").find("left to the upstream proxy") != std::string::npos);
  CAF_CHECK(verdict.dump().find("secret") == std::string::npos);
  // What does resolve to somewhere local is refused all the same.
  auto refused = words(s.explain("url=http://local.example.com/"));
  CAF_CHECK_EQUAL(refused, "deny not_allowed_local 403");
}
