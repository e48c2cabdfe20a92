#define CAF_SUITE policy.inner
#include "policy/inner.hpp" // unit under test

#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

using fields = std::vector<http1::field>;

target tunnel(std::string_view name, uint16_t port = 443) {
  auto out = get(name, port);
  out.protocol = protocol::https_connect;
  out.method = "CONNECT";
  return out;
}

/// Rules that intercept, with one hook on api.test: GET and POST below /v1/.
rules hooked() {
  auto out = allowing({"**.test", "10.0.0.1"});
  out.mitm = true;
  out.hooks = hooks_of({{.host = "api.test",
                         .methods = {"GET", "POST"},
                         .paths = {"/v1/"},
                         .inject = {{"authorization", "Bearer s3cret"}}}});
  return out;
}

/// "PATH" of what is forwarded, with " hook N" behind it where one matched, or the reason.
std::string said(const std::variant<forward, denial>& verdict) {
  if (auto no = std::get_if<denial>(&verdict))
    return std::string{to_string(no->reason)};
  auto& yes = std::get<forward>(verdict);
  return std::string{yes.path} + (yes.hook ? " hook " + std::to_string(yes.index) : "");
}

std::string judge(const rules& in_force, const target& to, std::string_view method,
                  std::string_view path, bool upgrade = false) {
  http1::request_path scratch;
  return said(judge_inner(in_force, to, {method, path, {}, upgrade}, scratch));
}

} // namespace

CAF_TEST(hooks come before the mode and lift nothing of it) {
  struct row {
    std::string_view host, method, path;
    bool upgrade;
    std::string_view in_full, in_limited;
  };
  for (auto& [host, method, path, upgrade, in_full, in_limited] : std::initializer_list<row>{
         {"api.test", "GET", "/v1/x", false, "/v1/x hook 0", "/v1/x hook 0"},
         {"api.test", "POST", "/v1/x", false, "/v1/x hook 0", "method_not_allowed"},
         {"api.test", "PUT", "/v1/x", false, "mitm_hook_denied", "mitm_hook_denied"},
         {"api.test", "GET", "/v2/", false, "mitm_hook_denied", "mitm_hook_denied"},
         {"api.test", "GET", "/v1/ws", true, "/v1/ws hook 0", "method_not_allowed"},
         // Judged as forwarded, or not at all.
         {"api.test", "GET", "//v0/.././v1/%7Ex?q=/../%2e", false, "/v1/~x?q=/../%2e hook 0",
          "/v1/~x?q=/../%2e hook 0"},
         {"api.test", "GET", "/v1/../v2/", false, "mitm_hook_denied", "mitm_hook_denied"},
         {"api.test", "GET", "/v1/%2e%2e/v1/", false, "mitm_hook_denied", "mitm_hook_denied"},
         {"api.test", "GET", "/v1/a%2fb", false, "mitm_hook_denied", "mitm_hook_denied"},
         // Without hooks the path is nobody's business.
         {"b.test", "GET", "//v0/../%2fx\\", false, "//v0/../%2fx\\", "//v0/../%2fx\\"},
         {"b.test", "POST", "/", false, "/", "method_not_allowed"},
         {"b.test", "get", "/", false, "/", "method_not_allowed"},
         {"b.test", "GET", "/", true, "/", "method_not_allowed"},
       }) {
    CAF_MESSAGE(method << " " << host << path);
    auto in_force = hooked();
    CAF_CHECK_EQUAL(judge(in_force, tunnel(host), method, path, upgrade), in_full);
    in_force.mode = mode::limited;
    CAF_CHECK_EQUAL(judge(in_force, tunnel(host), method, path, upgrade), in_limited);
  }
}

CAF_TEST(plain HTTP inside a tunnel is judged like any and never by hooks) {
  struct row {
    std::string_view host, method, path;
    bool upgrade;
    std::string_view in_full, in_limited;
  };
  for (auto& [host, method, path, upgrade, in_full, in_limited] : std::initializer_list<row>{
         {"api.test", "GET", "/v1/x", false, "mitm_required", "mitm_required"},
         {"api.test", "PUT", "/v2/", false, "mitm_required", "mitm_required"},
         {"b.test", "GET", "/", false, "/", "/"},
         {"b.test", "POST", "/", false, "/", "method_not_allowed"},
         {"b.test", "GET", "/", true, "/", "method_not_allowed"},
         {"by-decider.example", "GET", "/", false, "/", "/"},
         {"10.0.0.2", "GET", "/", false, "not_allowed_local", "not_allowed_local"},
       }) {
    CAF_MESSAGE(method << " " << host << path);
    auto in_force = hooked();
    auto to = tunnel(host);
    to.protocol = protocol::http;
    to.inside = true;
    CAF_CHECK_EQUAL(judge(in_force, to, method, path, upgrade), in_full);
    in_force.mode = mode::limited;
    CAF_CHECK_EQUAL(judge(in_force, to, method, path, upgrade), in_limited);
  }
}

CAF_TEST(the host is judged again but for the allowed list) {
  auto in_force = hooked();
  CAF_CHECK_EQUAL(judge(in_force, tunnel("by-decider.example"), "GET", "/"), "/");
  CAF_CHECK_EQUAL(judge(in_force, tunnel("10.0.0.2"), "GET", "/"), "not_allowed_local");
  CAF_CHECK_EQUAL(judge(in_force, tunnel("localhost"), "GET", "/"), "not_allowed_local");
  CAF_CHECK_EQUAL(judge(in_force, tunnel("10.0.0.1"), "GET", "/"), "/");
  // Before the hooks.
  in_force.denied = set_of({"api.test"});
  CAF_CHECK_EQUAL(judge(in_force, tunnel("api.test"), "PUT", "/"), "denied");
  in_force.enabled = false;
  CAF_CHECK_EQUAL(judge(in_force, tunnel("api.test"), "PUT", "/"), "proxy_disabled");
}

CAF_TEST(a refusal by hooks names the first hook of the host) {
  auto in_force = hooked();
  http1::request_path scratch;
  trace why;
  auto verdict = judge_inner(in_force, tunnel("api.test"), {"PUT", "/", {}}, scratch, &why);
  auto& no = std::get<denial>(verdict);
  CAF_CHECK(no.source == source::baseline_policy);
  CAF_CHECK(no.decision == decision::deny);
  CAF_REQUIRE(no.rule != nullptr);
  CAF_CHECK_EQUAL(no.rule->text, "api.test");
  CAF_CHECK_EQUAL(no.rule->line, 7u);
  CAF_CHECK_EQUAL(why.back().name, "hooks");
  CAF_CHECK_EQUAL(why.back().outcome, "no hook of api.test matches");
}

CAF_TEST(the steps say which hook decided and never what it injects) {
  auto in_force = hooked();
  http1::request_path scratch;
  auto steps = [&](std::string_view path) {
    trace why;
    std::string out;
    (void)judge_inner(in_force, tunnel("api.test"), {"GET", path, {}}, scratch, &why);
    for (auto& [name, outcome] : why)
      if (name == "hooks" || name == "method")
        out += std::string{name} + ": " + outcome + '\n';
    return out;
  };
  CAF_CHECK_EQUAL(steps("/v1/"),
                  "hooks: hook 0 matches api.test (config.toml:7)\nmethod: full: any method\n");
  CAF_CHECK_EQUAL(steps("/v1/%2f"), "hooks: no match: an encoded slash or backslash in the path\n");
}

CAF_TEST(headers that are asked for are looked at) {
  auto in_force = allowing({"api.test"});
  in_force.hooks = hooks_of({{.headers = {{"x-version", {"1"}}}}});
  http1::request_path scratch;
  auto with = [&](const fields& all) {
    return said(judge_inner(in_force, tunnel("api.test"), {"GET", "/", all}, scratch));
  };
  CAF_CHECK_EQUAL(with({{"X-Version", "1"}}), "/ hook 0");
  CAF_CHECK_EQUAL(with({{"X-Version", "2"}}), "mitm_hook_denied");
  CAF_CHECK_EQUAL(with({}), "mitm_hook_denied");
}

CAF_TEST(whoever names another host than the tunnel leads to is misdirected) {
  struct row {
    std::string_view tunnel, named;
    bool as_server_name, as_authority;
  };
  for (auto& [to, named, as_server_name, as_authority] : std::initializer_list<row>{
         {"example.com", "example.com", true, true},
         {"example.com", "", true, true}, // names nothing
         {"example.com", "Example.COM", true, true},
         {"example.com.", "example.com", true, true},
         {"example.com", "EXAMPLE.com.", true, true},
         {"example.com", "example.com:8443", false, true}, // the port is the tunnel's
         {"example.com", "evil.example", false, false},
         {"example.com", "sub.example.com", false, false},
         {"example.com", "example.com.evil.example", false, false},
         {"example.com", "user@example.com", false, false},
         {"example.com", "exa mple", false, false},
         {"example.com", " ", false, false},
         {"192.0.2.1", "192.0.2.1", true, true},
         {"192.0.2.1", "example.com", false, false},
         {"::1", "[::1]", true, true},
         {"::1", "[0:0::1]:443", false, true},
         {"::1", "[::2]", false, false},
         {"xn--bcher-kva.example",
          "b\xc3\xbc"
          "cher.example",
          true, true},
       }) {
    CAF_MESSAGE(named << " in a tunnel to " << to);
    auto host = get(to).host;
    auto name = check_server_name(host, named);
    auto authority = check_authority(host, named);
    CAF_CHECK_EQUAL(!name, as_server_name);
    CAF_CHECK_EQUAL(!authority, as_authority);
    for (auto& err : {name, authority})
      CAF_CHECK(!err || code_of(err) == errc::misdirected);
  }
  CAF_CHECK_EQUAL(outcome_of(errc::misdirected).http_status, 421);
  CAF_CHECK_EQUAL(context_of(check_authority(get("a.test").host, "b.test:1")),
                  "Host names b.test, the tunnel leads to a.test");
  CAF_CHECK_EQUAL(context_of(check_server_name(get("a.test").host, "\x01")),
                  "the server name is no host, the tunnel leads to a.test");
}
