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
