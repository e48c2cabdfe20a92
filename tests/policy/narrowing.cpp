#define CAF_SUITE policy.narrowing
#include "policy/narrowing.hpp" // unit under test

#include "policy/containment.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

using texts = std::vector<std::string>;

std::string names(const std::vector<placed_text>& rules) {
  std::string out;
  for (auto& r : rules)
    out += r.text + ' ';
  return out;
}

} // namespace

CAF_TEST(an allowed pattern must lie inside a managed one) {
  struct row {
    texts managed, user;
    std::string_view offending;
  };
  for (auto& [managed, user, offending] : std::initializer_list<row>{
         {{"*.example.com"}, {"api.example.com"}, ""},
         {{"*.example.com"},
          {"**.example.com", "example.com", "a.example.com"},
          "**.example.com example.com "},
         {{"*.example.com"}, {}, ""},
         {{}, {"a.com"}, "a.com "},
         {{"a.com", "b.com:443"}, {"A.COM.", "b.com", "b.com:443"}, "b.com "},
         {{"api*.x.com"}, {"api1.x.com", "api*.x.com", "ap*.x.com"}, "ap*.x.com "},
         {{"10.0.0.0/8"},
          {"10.1.0.0/16", "10.1.1.1", "11.0.0.1", "0.0.0.0/0"},
          "11.0.0.1 0.0.0.0/0 "},
         {{"**.com"}, {"a.b.c.com", "*.d.com", "com", "comx"}, "comx "},
         {{"*"}, {"a.com"}, "a.com "}, // what does not parse contains nothing
         {{"a.com"}, {"*"}, "* "},
       }) {
    CAF_MESSAGE(names(rules_of(user)));
    CAF_CHECK_EQUAL(names(widened_allows(rules_of(managed), rules_of(user))), offending);
  }
}

CAF_TEST(every managed denied pattern must still be denied) {
  struct row {
    texts managed, user;
    std::string_view missing;
  };
  for (auto& [managed, user, missing] : std::initializer_list<row>{
         {{"evil.com"}, {"EVIL.com", "other.com"}, ""},
         {{"evil.com", "bad.com"}, {"bad.com"}, "evil.com "},
         {{"*.evil.com"}, {"**.evil.com"}, ""}, // denying more is narrower still
         {{"**.evil.com"}, {"*.evil.com", "evil.com"}, "**.evil.com "},
         {{"evil.com"}, {"evil.com:443"}, "evil.com "},
         {{}, {}, ""},
       }) {
    CAF_MESSAGE(names(rules_of(managed)));
    CAF_CHECK_EQUAL(names(missing_denies(rules_of(managed), rules_of(user))), missing);
  }
}

CAF_TEST(the containing rule that stands first is named) {
  containment outer{rules_of({"*.com", "**.a.com", "x*.a.com", "10.0.0.0/8", "10.1.0.0/16"})};
  auto find = [&](std::string_view text) {
    auto found = outer.find(unbox(domain_pattern::parse(text)));
    return found ? found->text : "none";
  };
  CAF_CHECK_EQUAL(find("xy.a.com"), "*.com");
  CAF_CHECK_EQUAL(find("10.1.1.1"), "10.0.0.0/8");
  CAF_CHECK_EQUAL(find("com"), "none");
  CAF_CHECK_EQUAL(find("11.0.0.1"), "none");
}
