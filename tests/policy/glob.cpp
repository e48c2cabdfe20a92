#define CAF_SUITE policy.glob
#include "policy/glob.hpp" // unit under test

#include <string>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::test;

namespace {

bool matches(std::string_view pattern, std::string_view text, glob::separator between) {
  auto compiled = glob::compile(pattern, between);
  if (!compiled)
    CAF_FAIL(pattern << ": " << context_of(compiled.error()));
  return compiled->matches(text);
}

} // namespace

CAF_TEST(a pattern matches a whole text) {
  struct row {
    std::string_view pattern, text;
    bool in_path, in_value; ///< With `/` as the separator, and without one.
  };
  for (auto& [pattern, text, in_path, in_value] : std::initializer_list<row>{
         {"", "", true, true},
         {"", "a", false, false},
         {"abc", "abc", true, true},
         {"abc", "ABC", false, false},
         {"abc", "xabc", false, false}, // anchored at both ends
         {"abc", "abcx", false, false},
         {"a?c", "abc", true, true},
         {"a?c", "ac", false, false},
         {"a?c", "a/c", false, true},
         {"a*c", "ac", true, true},
         {"a*c", "abbc", true, true},
         {"a*c", "abcd", false, false},
         {"a*c", "a/c", false, true},
         {"*", "", true, true},
         {"/v1/*", "/v1/models", true, true},
         {"/v1/*", "/v1/", true, true},
         {"/v1/*", "/v1/a/b", false, true},
         {"/*/x*", "/a/xyz", true, true},
         {"a**b", "axb", true, true}, // no whole component: as one `*`
         {"a**b", "a/b", false, true},
         // `**` as a whole component.
         {"**", "/a/b", true, true},
         {"**/x", "x", true, true},
         {"**/x", "/x", true, true},
         {"**/x", "/a/b/x", true, true},
         {"**/x", "/a/bx", false, false},
         {"/a/**/b", "/a/b", true, true},
         {"/a/**/b", "/a/x/y/b", true, true},
         {"/a/**/b", "/a/xb", false, false},
         {"/a/**/**/b", "/a/b", true, true},
         {"/a/**/**", "/a/b", true, true},
         {"/a/**", "/a/", true, true},
         {"/a/**", "/a/b/c", true, true},
         {"/a/**", "/a", false, false},
         {"/a/**", "/ab", false, false},
         {"/a/**x", "/a/bx", true, true},
         {"/a/**x", "/a/b/x", false, true},
         // Classes.
         {"/v[12]/x", "/v2/x", true, true},
         {"/v[12]/x", "/v3/x", false, false},
         {"[a-c]", "b", true, true},
         {"[a-c]", "d", false, false},
         {"[!a-c]", "d", true, true},
         {"[^a-c]", "b", false, false},
         {"a[!b]c", "a/c", false, true}, // what is not listed still ends at a slash
         {"a[/b]c", "a/c", true, true},
         {"[]a]", "]", true, true},
         {"[!]]", "]", false, false},
         {"[a-]", "-", true, true},
         {"[-a]", "-", true, true},
         {"[*]", "*", true, true},
         {"[*]", "x", false, false},
         // Groups.
         {"/{a,b}/x", "/b/x", true, true},
         {"/{a,b}/x", "/c/x", false, false},
         {"{a*,b?}c", "axxc", true, true},
         {"{a*,b?}c", "bc", false, false},
         {"{a{b,c},d}", "ac", true, true},
         {"{a{b,c},d}", "d", true, true},
         {"{a{b,c},d}", "a", false, false},
         {"{a}", "a", true, true},
         {"/{**,x}", "/a/b", true, true},
         {"{a/**,b}", "a/b/c", true, true},
         {"a,b", "a,b", true, true},
         {"{[,]}", ",", true, true},
         // Escapes.
         {"\\*", "*", true, true},
         {"\\*", "x", false, false},
         {"\\{a\\}", "{a}", true, true},
         {"{\\,}", ",", true, true},
         {"\\\\", "\\", true, true},
         // Bytes, not characters.
         {"\xc3\xa9", "\xc3\xa9", true, true},
         {"?", "\xc3\xa9", false, false},
         {"??", "\xc3\xa9", true, true},
       }) {
    CAF_MESSAGE(pattern << " against " << text);
    CAF_CHECK_EQUAL(matches(pattern, text, glob::separator::slash), in_path);
    CAF_CHECK_EQUAL(matches(pattern, text, glob::separator::none), in_value);
  }
}

CAF_TEST(what is no pattern is refused with the reason) {
  struct row {
    std::string pattern;
    std::string_view why;
  };
  for (auto& [pattern, why] : std::initializer_list<row>{
         {"/repos/[", "unclosed class"},
         {"[]", "unclosed class"},
         {"[!", "unclosed class"},
         {"[z-a]", "runs backwards"},
         {"[\xc3\xa9]", "only ASCII"},
         {"{a,b", "unclosed group"},
         {"{", "unclosed group"},
         {"a}", "unopened group"},
         {"{a,}", "empty alternative"},
         {"{,a}", "empty alternative"},
         {"{}", "empty alternative"},
         {"a\\", "'\\' at the end"},
         {std::string(9, '{') + "a" + std::string(9, '}'), "8 deep"},
         {std::string(513, 'a'), "more than 512 steps"},
         {"x" + std::string(200, '*') + "y", "more than 512 steps"},
       }) {
    CAF_MESSAGE(pattern);
    auto compiled = glob::compile(pattern, glob::separator::slash);
    CAF_CHECK_EQUAL(error_of(compiled), errc::invalid_config);
    if (!compiled)
      CAF_CHECK(context_of(compiled.error()).find(why) != std::string::npos);
  }
}

CAF_TEST(the limits themselves are allowed) {
  CAF_CHECK(matches(std::string(512, 'a'), std::string(512, 'a'), glob::separator::none));
  CAF_CHECK(matches(std::string(8, '{') + "a" + std::string(8, '}'), "a", glob::separator::none));
}

CAF_TEST(a pattern made to backtrack costs no more than others) {
  std::string pattern;
  for (int i = 0; i < 100; ++i)
    pattern += "*a";
  // Endless for a matcher that tries one way after the other.
  CAF_CHECK(!matches(pattern + "b", std::string(2'000, 'a'), glob::separator::none));
  CAF_CHECK(matches(pattern, std::string(2'000, 'a'), glob::separator::none));
}

CAF_TEST(a text may come byte by byte) {
  auto compiled = unbox(glob::compile("a*c", glob::separator::none));
  glob::progress at{compiled};
  CAF_CHECK(!at.done());
  CAF_CHECK(at.take('a'));
  CAF_CHECK(at.take('c'));
  CAF_CHECK(at.done());
  CAF_CHECK(at.take('x'));
  CAF_CHECK(!at.done());
  glob::progress other{compiled};
  CAF_CHECK(!other.take('b'));
  CAF_CHECK(!other.take('a')); // once lost, always lost
}
