#define CAF_SUITE policy.lint
#include "policy/lint.hpp" // unit under test

#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

using texts = std::vector<std::string>;

/// Each warning as "line: message", for the allowed list.
texts warnings(const texts& allowed, const texts& denied = {}) {
  texts out;
  for (auto& w : lint(rules_of(allowed), rules_of(denied, "denied.toml")))
    out.push_back(w.where.file + ':' + std::to_string(w.where.line) + ": " + w.message);
  return out;
}

void check(const texts& found, const texts& expected) {
  CAF_CHECK_EQUAL(caf::deep_to_string(found), caf::deep_to_string(expected));
}

} // namespace

CAF_TEST(a wildcard without its apex is pointed out) {
  check(warnings({"*.x.test"}), {"config.toml:1: matches only what lies below x.test, not x.test "
                                 "itself; write **.x.test for both"});
  check(warnings({"*.x.test:443"}), {"config.toml:1: matches only what lies below x.test, not "
                                     "x.test itself; write **.x.test:443 for both"});
  check(warnings({"*.x.test", "x.test"}), {});
  check(warnings({"*.a.x.test", "**.x.test"}), {});
  check(warnings({"*.x.test", "x.test:443"}).size() == 1 ? texts{}
                                                         : texts{"the port was not looked at"},
        {});
  check(warnings({}, {"*.x.test"}), {"denied.toml:1: matches only what lies below x.test, not "
                                     "x.test itself; write **.x.test for both"});
}

CAF_TEST(a pattern over a public suffix is pointed out when it is allowed) {
  check(warnings({"**.co.uk"}),
        {"config.toml:1: co.uk is a public suffix: this matches hosts of many owners"});
  check(warnings({"**.com"}),
        {"config.toml:1: com is a public suffix: this matches hosts of many owners"});
  check(warnings({"api*.github.io"}),
        {"config.toml:1: github.io is a public suffix: this matches hosts of many owners"});
  check(warnings({"example.c?m"}),
        {"config.toml:1: its last label is a wildcard, so it matches hosts of many owners"});
  check(warnings({"**.example.co.uk", "github.io", "**.internal", "host-1"}), {});
  check(warnings({}, {"**.co.uk"}), {}); // to deny a whole suffix is a plain wish
}

CAF_TEST(a rule that can never match is pointed out) {
  check(warnings({"a.x.test", "**.y.test", "10.1.1.1", "b.z.test"},
                 {"**.x.test", "**.y.test", "10.0.0.0/8", "b.z.test:80"}),
        {"config.toml:1: never matches: denied by **.x.test (denied.toml:1)",
         "config.toml:2: never matches: denied by **.y.test (denied.toml:2)",
         "config.toml:3: never matches: denied by 10.0.0.0/8 (denied.toml:3)"});
  check(warnings({"127.0.0.?"}),
        {"config.toml:1: never matches: wildcards do not apply to addresses; "
         "use a prefix like 10.0.0.0/8"});
}

CAF_TEST(a duplicate is pointed out with the place of the first) {
  check(warnings({"x.test", "y.test", "X.test."}),
        {"config.toml:3: the same as x.test (config.toml:1)"});
  check(warnings({"x.test", "x.test:80"}), {});
  check(warnings({"x.test"}, {"y.test", "y.test"}),
        {"denied.toml:2: the same as y.test (denied.toml:1)"});
}

CAF_TEST(what does not parse is left to the compiler of the list) {
  check(warnings({"*", "", "10.0.0.1/8"}, {"**"}), {});
}

CAF_TEST(prefixes of most of the net are pointed out in both lists) {
  for (auto pattern : {"0.0.0.0/0", "::/0", "0.0.0.0/0:443", "[::/0]:443", "128.0.0.0/1",
                       "96.0.0.0/7", "2000::/3", "2400::/11"}) {
    CAF_MESSAGE(pattern);
    auto allowed = warnings({pattern});
    CAF_REQUIRE_EQUAL(allowed.size(), 1u);
    CAF_CHECK(allowed[0].find("config.toml:1: allows ") == 0);
    CAF_CHECK(allowed[0].find(pattern[0] == '0' || pattern[0] == '1' || pattern[0] == '9'
                                ? "IPv4"
                                : "IPv6") != std::string::npos);
    auto denied = warnings({}, {pattern});
    CAF_REQUIRE_EQUAL(denied.size(), 1u);
    CAF_CHECK(denied[0].find("denied.toml:1: denies ") == 0);
  }
  // One owner's space, and what is not public.
  for (auto pattern : {"8.0.0.0/8", "10.0.0.0/8", "2001:db8::/32", "fc00::/7", "fd00::/8",
                       "ff00::/8", "224.0.0.0/4", "240.0.0.0/4", "127.0.0.0/8"}) {
    CAF_MESSAGE(pattern);
    check(warnings({pattern}), {});
  }
}

CAF_TEST(a metadata service that is listed is pointed out) {
  for (auto pattern : {"169.254.169.254", "169.254.169.254:80", "fd00:ec2::254",
                       "[fd00:ec2::254]:80", "::ffff:169.254.169.254", "0xa9fea9fe"}) {
    CAF_MESSAGE(pattern);
    auto found = warnings({pattern});
    CAF_REQUIRE_EQUAL(found.size(), 1u);
    CAF_CHECK(found[0].find("metadata service") != std::string::npos);
    check(warnings({}, {pattern}), {});
  }
  auto found = warnings({"169.254.169.254/32"});
  CAF_REQUIRE_EQUAL(found.size(), 1u);
  CAF_CHECK(found[0].find("never matches") != std::string::npos);
  check(warnings({"169.254.1.1", "169.254.0.0/16"}), {});
}

CAF_TEST(hooks that no request reaches are pointed out) {
  struct row {
    texts allowed, denied;
    std::string host, why;
    bool local = false;
  };
  for (auto& [allowed, denied, name, why, local] : std::initializer_list<row>{
         {{"api.test"}, {}, "api.test", ""},
         {{"**.test"}, {}, "api.test", ""},
         {{"api.test:8443"}, {}, "api.test", ""},
         {{"*.openai.test"}, {}, "api.test", "nothing in allowed_domains matches it"},
         {{}, {}, "api.test", "nothing in allowed_domains matches it"},
         {{"*.api.test"}, {}, "api.test", "nothing in allowed_domains matches it"},
         {{"api.test"}, {"**.test"}, "api.test", "it is denied by **.test (config.toml:1)"},
         {{"api.test", "api.test:8443"}, {"api.test:443"}, "api.test", ""},
         {{"0.0.0.0/0"}, {}, "10.0.0.1", "it is local, and neither listed by itself"},
         {{"0.0.0.0/0"}, {}, "10.0.0.1", "", true},
         {{"10.0.0.1"}, {}, "10.0.0.1", ""},
       }) {
    CAF_MESSAGE(name << " among " << caf::deep_to_string(allowed));
    plain_lists lists{
      .allowed = rules_of(allowed), .denied = rules_of(denied), .mode = mode::limited};
    mitm_hook hook;
    hook.where = {name, "config.toml", 7, 1};
    hook.host = unbox(proxy::host::parse(name));
    auto found = lint_hooks({hook}, lists, local);
    CAF_REQUIRE_EQUAL(found.size(), why.empty() ? 0u : 1u);
    if (!why.empty()) {
      CAF_CHECK_EQUAL(found[0].where.line, 7u);
      CAF_CHECK(found[0].message.find(why) != std::string::npos);
    }
  }
}

CAF_TEST(patterns of hosts that no request reaches are pointed out) {
  struct row {
    texts allowed, denied;
    std::string pattern, why;
  };
  for (auto& [allowed, denied, pattern, why] : std::initializer_list<row>{
         {{"a.test"}, {}, "a.test", ""},
         {{"**.test"}, {}, "*.corp.test", ""},
         {{"a.corp.test"}, {}, "*.corp.test", ""},
         {{"a.test:443"}, {}, "a.test", ""},
         {{"a.test"}, {}, "a.test:8443", ""},
         {{"a.test:443"}, {}, "a.test:8443", "nothing in allowed_domains"},
         {{"b.test"}, {}, "a.test", "nothing in allowed_domains"},
         {{}, {}, "*.corp.test", "nothing in allowed_domains"},
         {{"**.test"}, {"**.corp.test"}, "*.corp.test", "denied by **.corp.test (denied.toml:1)"},
         {{"**.test"}, {"a.corp.test"}, "*.corp.test", ""},
         {{"a*.test"}, {}, "ab.test", ""},
         {{"10.0.0.0/8"}, {}, "10.1.1.1", ""},
       }) {
    CAF_MESSAGE(pattern << " among " << caf::deep_to_string(allowed));
    auto found =
      lint_hosts(rules_of({pattern}), rules_of(allowed), rules_of(denied, "denied.toml"));
    CAF_REQUIRE_EQUAL(found.size(), why.empty() ? 0u : 1u);
    CAF_CHECK(why.empty() || found[0].message.find(why) != std::string::npos);
  }
}
