#define CAF_SUITE policy.hook_set
#include "policy/hook_set.hpp" // unit under test

#include "tests/policy/hooks.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;
using kind = hook_match::kind;

namespace {

host name(std::string_view text) { return unbox(host::parse(text)); }

hook_match ask(const hook_set_ptr& hooks, std::string_view of, std::string_view method,
               std::string_view target) {
  http1::request_path path;
  bool canonical = !http1::canonicalise(target, path);
  return hooks->match(name(of), {method, canonical ? &path : nullptr, {}});
}

} // namespace

CAF_TEST(the first hook of the host that fits wins) {
  auto hooks = hooks_of({{.host = "other.test"},
                         {.host = "api.test", .methods = {"GET"}, .paths = {"/a"}},
                         {.host = "api.test", .methods = {"POST"}},
                         {.host = "api.test", .methods = {"GET", "POST"}, .paths = {"/"}}});
  struct row {
    std::string_view host, method, target;
    kind outcome;
    size_t index;
  };
  for (auto& [of, method, target, outcome, index] : std::initializer_list<row>{
         {"api.test", "GET", "/a", kind::matched, 1},
         {"api.test", "GET", "/b", kind::matched, 3},
         {"api.test", "POST", "/b", kind::matched, 2},
         {"api.test", "PUT", "/b", kind::none, 1},
         {"api.test", "GET", "/a/%2e%2e/b", kind::none, 1},
         {"other.test", "GET", "/", kind::matched, 0},
         {"other.test", "PUT", "/", kind::none, 0},
         {"sub.api.test", "GET", "/a", kind::not_hooked, 0},
         {"test", "GET", "/a", kind::not_hooked, 0},
       }) {
    CAF_MESSAGE(method << " " << of << target);
    auto match = ask(hooks, of, method, target);
    CAF_CHECK(match.outcome == outcome);
    CAF_CHECK_EQUAL(match.index, index);
    CAF_CHECK_EQUAL(match.hook, outcome == kind::not_hooked ? nullptr : &hooks->hooks()[index]);
    CAF_CHECK_EQUAL(hooks->has_hooks(name(of)), outcome != kind::not_hooked);
  }
}

CAF_TEST(another spelling does not lead around the hooks of a host) {
  auto hooks = hooks_of({{.host = "API.test."}, {.host = "192.0.2.1"}, {.host = "[2001:db8::1]"}});
  for (auto of : {"api.test", "Api.Test.", "192.0.2.1", "0xc0.0.2.1", "::ffff:192.0.2.1",
                  "64:ff9b::192.0.2.1", "2001:db8:0::1"}) {
    CAF_MESSAGE(of);
    CAF_CHECK(hooks->has_hooks(name(of)));
  }
  for (auto of : {"192.0.2.2", "::ffff:192.0.2.2", "2001:db8::2", "example.com"})
    CAF_CHECK(!hooks->has_hooks(name(of)));
}

CAF_TEST(hooks of one address hold for every form that carries it) {
  constexpr std::string_view forms[] = {"192.0.2.1",          "::ffff:192.0.2.1", "::192.0.2.1",
                                        "64:ff9b::192.0.2.1", "2002:c000:201::",  "::ffff:c000:201",
                                        "::ffff:0:192.0.2.1", "3221225985",       "0300.0.2.1"};
  for (auto hooked : forms) {
    auto hooks = hooks_of({{.host = std::string{hooked}}});
    for (auto asked : forms) {
      CAF_MESSAGE(hooked << " and " << asked);
      CAF_CHECK(hooks->has_hooks(name(asked)));
    }
    CAF_CHECK(!hooks->has_hooks(name("192.0.2.2")));
  }
  // Two spellings are one host, whose hooks are asked in their order.
  auto hooks = hooks_of({{.host = "192.0.2.1", .paths = {"/a"}}, {.host = "[::ffff:192.0.2.1]"}});
  CAF_CHECK_EQUAL(ask(hooks, "[::ffff:192.0.2.1]", "GET", "/a").index, 0u);
  CAF_CHECK_EQUAL(ask(hooks, "192.0.2.1", "GET", "/b").index, 1u);
  CAF_CHECK(leads_to_same(name("192.0.2.1"), name("64:ff9b::192.0.2.1")));
  CAF_CHECK(!leads_to_same(name("192.0.2.1"), name("64:ff9b::192.0.2.2")));
  CAF_CHECK(leads_to_same(name("a.test"), name("A.test.")));
}

CAF_TEST(no hooks hook no host) {
  auto hooks = hooks_of({});
  CAF_CHECK(!hooks->has_hooks(name("api.test")));
  CAF_CHECK(ask(hooks, "api.test", "GET", "/").outcome == kind::not_hooked);
}

CAF_TEST(of several injections of one header the last one counts) {
  auto hooks = hooks_of({{.inject = {{"x-a", "1"}, {"x-b", "2"}, {"X-A", "3"}}}});
  auto& inject = hooks->hooks()[0].inject_request_headers;
  CAF_REQUIRE_EQUAL(inject.size(), 2u);
  CAF_CHECK_EQUAL(inject[0].name, "x-b");
  CAF_CHECK_EQUAL(inject[1].value.reveal(), "3");
}
