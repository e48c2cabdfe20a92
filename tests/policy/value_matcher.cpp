#define CAF_SUITE policy.value_matcher
#include "policy/value_matcher.hpp" // unit under test

#include "policy/query.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::test;
using use = value_matcher::use;

namespace {

value_matcher parsed(std::string_view text, use as) {
  auto out = value_matcher::parse(text, as);
  if (!out)
    CAF_FAIL(text << ": " << context_of(out.error()));
  return std::move(*out);
}

} // namespace

CAF_TEST(a value has three forms) {
  struct row {
    std::string_view form, text;
    bool hit;
  };
  for (auto& [form, text, hit] : std::initializer_list<row>{
         {"open", "open", true},
         {"open", "opened", false},
         {"open", "Open", false},
         {"op*", "open", false}, // without a prefix nothing is special
         {"op*", "op*", true},
         {"[draft]", "[draft]", true},
         {"[draft]", "d", false},
         {"", "", true},
         {"", "x", false},
         {"literal:", "", true},
         {"literal:open", "open", true},
         {"literal:pattern:*", "pattern:*", true}, // only the first prefix goes
         {"literal:pattern:*", "pattern:open", false},
         {"literal:literal:x", "literal:x", true},
         {"pattern:op*", "open", true},
         {"pattern:op*", "xopen", false},
         {"pattern:a*c", "a/b/c", true},
         {"pattern:literal:*", "literal:x", true},
         {"Pattern:op*", "open", false}, // prefixes are case-sensitive
         {" pattern:op*", "open", false},
         {" pattern:op*", " pattern:op*", true},
       }) {
    CAF_MESSAGE(form << " against " << text);
    auto matcher = parsed(form, use::value);
    CAF_CHECK_EQUAL(matcher.matches(text), hit);
    CAF_CHECK_EQUAL(matcher.str(), form);
  }
}

CAF_TEST(a literal path is a prefix and a pattern the whole path) {
  struct row {
    std::string_view form, path;
    bool hit;
  };
  for (auto& [form, path, hit] : std::initializer_list<row>{
         {"/repos", "/repos", true},
         {"/repos", "/repos/x", true},
         {"/repos", "/reposX", true}, // no border of segments
         {"/repos/", "/repos", false},
         {"/", "/anything", true},
         {"/repos/[draft]/", "/repos/draft/x", false},
         {"literal:/a*", "/a*/b", true},
         {"pattern:/repos", "/repos/x", false},
         {"pattern:/repos/*", "/repos/x", true},
         {"pattern:/repos/*", "/repos/x/y", false},
         {"pattern:/repos/**", "/repos/x/y", true},
         {"/a b/", "/a%20b/x", false},         // paths are compared as they are sent
         {"/users/%40me", "/users/@me", true}, // escapes come in canonical form
         {"/caf%c3%a9", "/caf%C3%A9", true},
         {"*", "*", true},
         {"*", "/", false},
       }) {
    CAF_MESSAGE(form << " against " << path);
    CAF_CHECK_EQUAL(parsed(form, use::path).matches(path), hit);
  }
}

CAF_TEST(a form that does not hold is refused with the reason) {
  struct row {
    std::string_view text;
    use as;
    std::string_view why;
  };
  for (auto& [text, as, why] : std::initializer_list<row>{
         {"pattern:", use::path, "glob pattern must not be empty"},
         {"pattern:", use::value, "glob pattern must not be empty"},
         {"pattern:[", use::value, "unclosed class: '[' without ']'"},
         {"", use::path, "path_prefixes must not contain empty entries"},
         {" ", use::path, "path_prefixes must not contain empty entries"},
         {"literal:", use::path, "path_prefixes must not contain empty entries"},
       }) {
    CAF_MESSAGE(text);
    auto refused = value_matcher::parse(text, as);
    CAF_CHECK_EQUAL(error_of(refused), errc::invalid_config);
    if (!refused)
      CAF_CHECK_EQUAL(context_of(refused.error()), why);
  }
}

CAF_TEST(an encoded value is matched as it decodes) {
  struct row {
    std::string_view form, encoded;
    bool hit;
  };
  for (auto& [form, encoded, hit] : std::initializer_list<row>{
         {"open", "open", true},
         {"open", "%6fpen", true},
         {"open", "opens", false},
         {"open", "ope", false},
         {"a b", "a+b", true},
         {"a b", "a%20b", true},
         {"a+b", "a+b", false},
         {"a+b", "a%2Bb", true},
         {"a%zz", "a%zz", true}, // a broken escape stands for itself
         {"a%4", "a%4", true},
         {"a%", "a%", true},
         {"", "", true},
         {"pattern:op*", "o%70en", true},
         {"pattern:op*", "xopen", false},
         {"pattern:*c", "b", false},
         {"pattern:a?b", "a+b", true},
       }) {
    CAF_MESSAGE(form << " against " << encoded);
    CAF_CHECK_EQUAL(parsed(form, use::value).matches_encoded(encoded), hit);
  }
}

CAF_TEST(a query is taken apart at every ampersand and the first equals sign) {
  auto apart = [](std::string_view query) {
    std::string out;
    while (auto p = take_parameter(query)) {
      out += '[';
      out += p->name;
      out += '|';
      out += p->value;
      out += ']';
    }
    return out;
  };
  CAF_CHECK_EQUAL(apart("a=1&b=2"), "[a|1][b|2]");
  CAF_CHECK_EQUAL(apart("a=1=2"), "[a|1=2]");
  CAF_CHECK_EQUAL(apart("flag&&x="), "[flag|][x|]");
  CAF_CHECK_EQUAL(apart("&=v&"), "[|v]");
  CAF_CHECK_EQUAL(apart("a;b=1"), "[a;b|1]");
  CAF_CHECK_EQUAL(apart(""), "");
}
