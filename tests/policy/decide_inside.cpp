#define CAF_SUITE policy.decide_inside
#include "policy/decide.hpp" // unit under test

#include "tests/policy/asking.hpp"
#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

using fields = std::vector<http1::field>;

/// Rules that intercept, with one hook on api.test: GET and POST below /v1/.
rules hooked() {
  auto out = allowing({"**.test", "10.0.0.1"});
  out.mitm = true;
  set_hooks(out, hooks_of({{.host = "api.test",
                            .methods = {"GET", "POST"},
                            .paths = {"/v1/"},
                            .inject = {{"authorization", "Bearer s3cret"}}}}));
  return out;
}

/// "PATH" of what is sent, with " hook N" behind it where one matched, or the reason.
std::string judge(const rules& in_force, const target& to, const read_request& request,
                  const answer* word = nullptr) {
  http1::request_path scratch;
  auto verdict = decided_in_full(in_force, to, request, scratch, word);
  auto yes = std::get_if<permit>(&verdict);
  if (!yes)
    return said(verdict);
  return (yes->path_judged() ? scratch.text : std::string{request.path}) +
         (yes->hook() ? " hook " + std::to_string(yes->hook_index()) : "");
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
    auto to = request_inside(host, std::string{method}, true, upgrade);
    CAF_CHECK_EQUAL(judge(in_force, to, {path}), in_full);
    set_mode(in_force, mode::limited);
    CAF_CHECK_EQUAL(judge(in_force, to, {path}), in_limited);
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
    auto to = request_inside(host, std::string{method}, false, upgrade);
    CAF_CHECK_EQUAL(judge(in_force, to, {path}, &yes), in_full);
    set_mode(in_force, mode::limited);
    CAF_CHECK_EQUAL(judge(in_force, to, {path}, &yes), in_limited);
  }
}

CAF_TEST(the host is judged again and what a decider admitted needs no entry) {
  auto in_force = hooked();
  auto get_inside = [&](std::string_view name, const answer* word = nullptr) {
    return judge(in_force, request_inside(name), {}, word);
  };
  CAF_CHECK_EQUAL(get_inside("by-decider.example", &yes), "/");
  CAF_CHECK_EQUAL(get_inside("by-decider.example"), "not_allowed"); // its entry has gone
  CAF_CHECK_EQUAL(get_inside("10.0.0.2", &yes), "not_allowed_local");
  CAF_CHECK_EQUAL(get_inside("localhost", &yes), "not_allowed_local");
  CAF_CHECK_EQUAL(get_inside("10.0.0.1"), "/");
  // Before the hooks.
  set_lists(in_force, {"**.test", "10.0.0.1"}, {"api.test"});
  CAF_CHECK_EQUAL(judge(in_force, request_inside("api.test", "PUT"), {}), "denied");
  in_force.enabled = false;
  CAF_CHECK_EQUAL(judge(in_force, request_inside("api.test", "PUT"), {}), "proxy_disabled");
}

CAF_TEST(https in absolute form is judged in one go and by hooks before the mode) {
  auto in_force = hooked();
  auto ask = [&](std::string_view name, std::string method, std::string_view path) {
    auto to = request_inside(name, std::move(method));
    to.in_tunnel = false;
    return judge(in_force, to, {path});
  };
  CAF_CHECK_EQUAL(ask("api.test", "GET", "/v1/x"), "/v1/x hook 0");
  CAF_CHECK_EQUAL(ask("other.example", "GET", "/v1/x"), "not_allowed");
  set_mode(in_force, mode::limited);
  CAF_CHECK_EQUAL(ask("api.test", "DELETE", "/v1/x"), "mitm_hook_denied");
  CAF_CHECK_EQUAL(ask("api.test", "POST", "/v1/x"), "method_not_allowed");
}

CAF_TEST(a request that names another host than its tunnel is an error and judged no further) {
  auto in_force = allowing({"a.test"}, {"b.test"});
  auto tunnel = get("a.test", 443);
  for (auto name : {"a.test", "b.test"}) {
    auto to = request_inside(name);
    auto judged = decide(in_force, {.to = to, .through = &tunnel});
    CAF_CHECK_EQUAL(said(judged), name == std::string_view{"a.test"} ? "allow" : "misdirected");
    if (auto no = std::get_if<denial>(&judged)) {
      auto err = fault_in(*no);
      CAF_CHECK(code_of(err) == errc::misdirected);
      CAF_CHECK_EQUAL(context_of(err), "Host names b.test, the tunnel leads to a.test");
    }
  }
  CAF_CHECK(!fault_in(denial{}));
}

CAF_TEST(a refusal by hooks names the first hook of the host) {
  auto in_force = hooked();
  http1::request_path scratch;
  trace why;
  auto verdict =
    decided_in_full(in_force, request_inside("api.test", "PUT"), {}, scratch, nullptr, &why);
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
    std::ignore =
      decided_in_full(in_force, request_inside("api.test"), {path}, scratch, nullptr, &why);
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
  set_hooks(in_force, hooks_of({{.headers = {{"x-version", {"1"}}}}}));
  CAF_CHECK(reads_fields(in_force, request_inside("api.test")));
  CAF_CHECK(!reads_fields(in_force, get("api.test")));
  auto with = [&](const fields& all) {
    return judge(in_force, request_inside("api.test"), {"/", all});
  };
  CAF_CHECK_EQUAL(with({{"X-Version", "1"}}), "/ hook 0");
  CAF_CHECK_EQUAL(with({{"X-Version", "2"}}), "mitm_hook_denied");
  CAF_CHECK_EQUAL(with({}), "mitm_hook_denied");
}
