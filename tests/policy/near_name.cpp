#define CAF_SUITE policy.near_name
#include "policy/near_name.hpp" // unit under test

#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

using kind = near_name::kind;

near_name find(const std::vector<std::string>& patterns, std::string_view asked,
               uint16_t port = 443) {
  return near_names{rules_of(patterns)}.find(*host::parse(asked), port);
}

} // namespace

CAF_TEST(slips are counted as fingers make them) {
  struct row {
    std::string_view a, b;
    size_t most, slips;
  };
  for (const auto& [a, b, most, slips] : std::initializer_list<row>{
         {"example", "example", 2, 0},
         {"exampel", "example", 2, 1}, // two neighbours swapped
         {"exmple", "example", 2, 1},
         {"exaample", "example", 2, 1},
         {"exampla", "example", 2, 1},
         {"xampel", "example", 2, 2},
         {"elpmaxe", "example", 2, 3},
         {"", "ab", 2, 2},
         {"abc", "", 2, 3},
         {std::string_view{"a"}, "a", 0, 0},
       }) {
    CAF_MESSAGE(a << ' ' << b);
    CAF_CHECK_EQUAL(slips_between(a, b, most), slips);
    CAF_CHECK_EQUAL(slips_between(b, a, most), slips);
  }
  auto long_name = std::string(300, 'a');
  CAF_CHECK_EQUAL(slips_between(long_name, long_name + 'b', 2), 3u);
}

CAF_TEST(what was perhaps meant is found in the list) {
  struct row {
    std::vector<std::string> patterns;
    std::string_view asked;
    kind how;
    std::string_view meant, by;
    uint16_t port = 443;
  };
  for (const auto& [patterns, asked, how, meant, by, port] : std::initializer_list<row>{
         {{"example.org"}, "exampel.org", kind::typo, "example.org", "example.org"},
         {{"example.org"}, "exmaple.orgg", kind::typo, "example.org", "example.org"},
         {{"other.test", "example.org"}, "xample.org", kind::typo, "example.org", "example.org"},
         // The nearest, not the first.
         {{"examplle.org", "example.org"}, "exampe.org", kind::typo, "example.org", "example.org"},
         {{"*.example.org"}, "api.exampel.org", kind::typo, "api.example.org", "*.example.org"},
         {{"**.example.org"}, "exampel.org", kind::typo, "example.org", "**.example.org"},
         {{"**.example.org"}, "a.b.exampel.org", kind::typo, "a.b.example.org", "**.example.org"},
         {{"*.example.org"}, "example.org", kind::only_below, "", "*.example.org"},
         {{"example.org"}, "www.example.org", kind::only_itself, "", "example.org"},
         {{"example.org:8443"}, "example.org", kind::other_port, "", "example.org:8443"},
         {{"*.example.org:8443"}, "a.example.org", kind::other_port, "", "*.example.org:8443"},
         {{"192.0.2.1:80"}, "192.0.2.1", kind::other_port, "", "192.0.2.1:80"},
         // What is too far off, too short, or of another kind, is no slip.
         {{"example.org"}, "example.com", kind::none, "", ""},
         {{"example.org"}, "unrelated.test", kind::none, "", ""},
         {{"a.b"}, "a.c", kind::none, "", ""},
         {{"192.0.2.1"}, "192.0.2.2", kind::none, "", ""},
         {{"192.0.2.0/24"}, "192.0.3.1", kind::none, "", ""},
         {{"ex?mple.org"}, "exampel.org", kind::none, "", ""},
         {{"*.example.org"}, "exampel.org", kind::none, "", ""},
         {{"org"}, "example.org", kind::none, "", ""},
         {{"example.org:80"}, "exampel.org", kind::none, "", ""},
         {{}, "example.org", kind::none, "", ""},
       }) {
    CAF_MESSAGE(asked);
    auto near = find(patterns, asked, port);
    CAF_CHECK_EQUAL(static_cast<int>(near.how), static_cast<int>(how));
    CAF_CHECK_EQUAL(near.meant, meant);
    CAF_CHECK_EQUAL(near.by.text, by);
  }
}

CAF_TEST(a long list and a long name are looked at as far as they may cost) {
  std::vector<std::string> patterns;
  for (size_t i = 0; i < near_names::most + 10; ++i)
    patterns.push_back("host" + std::to_string(i) + ".example.org");
  near_names names{rules_of(patterns)};
  auto near = names.find(*host::parse("hots7.example.org"), 443);
  CAF_CHECK_EQUAL(near.meant, "host7.example.org");
  auto label = std::string(60, 'a');
  auto name = label + '.' + label + '.' + label + ".example.org";
  CAF_CHECK(names.find(*host::parse(name), 443).how == kind::none);
  std::string labels{"a"};
  for (int i = 0; i < 100; ++i)
    labels += ".a";
  CAF_CHECK(names.find(*host::parse(labels), 443).how == kind::none);
}
