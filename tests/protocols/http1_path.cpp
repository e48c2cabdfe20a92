#define CAF_SUITE protocols.http1_path
#include "protocols/http1/path.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy::http1;

namespace {

/// The canonical text, or "! " and what is wrong.
std::string canonical(std::string_view text) {
  request_path out;
  if (auto why = canonicalise(text, out))
    return std::string{"! "} + why;
  return out.text;
}

} // namespace

CAF_TEST(spellings of one path become one) {
  struct row {
    std::string_view text, canonical;
  };
  for (auto& [text, expected] : std::initializer_list<row>{
         {"/", "/"},
         {"", "/"},
         {"?q=1", "/?q=1"},
         {"*", "*"},
         {"/a/b", "/a/b"},
         {"/a/b/", "/a/b/"},
         // RFC 3986 §5.2.4.
         {"/a/b/.", "/a/b/"},
         {"/a/b/..", "/a/"},
         {"/a/./b", "/a/b"},
         {"/a/../b", "/b"},
         {"/a/b/../../c", "/c"},
         {"/...", "/..."},
         {"/..a/.b", "/..a/.b"},
         // Slashes.
         {"//a///b//", "/a/b/"},
         {"//a//../b", "/b"},
         // §6.2.2: escapes.
         {"/%61%2D%5f%7e", "/a-_~"},
         {"/%40%3a", "/@:"},
         {"/a%2eb", "/a.b"},
         {"/caf%c3%a9", "/caf%C3%A9"},
         {"/a%20b%3f%23%3B%2b", "/a%20b%3F%23%3B%2B"},
         {"/100%25/b", "/100%25/b"},
         {"/100%25zz", "/100%25zz"},
         {"/%2541", "/%2541"},
         // Neither delimiters of segments nor escapes: left alone.
         {"/a;b=c/d!$&'()*+,=e", "/a;b=c/d!$&'()*+,=e"},
         // The query stays.
         {"/a/../b?x=/../%2e%2F\\y", "/b?x=/../%2e%2F\\y"},
         {"/a?", "/a?"},
       }) {
    CAF_MESSAGE(text);
    CAF_CHECK_EQUAL(canonical(text), expected);
    CAF_CHECK_EQUAL(canonical(expected), expected); // nothing is left to do
  }
}

CAF_TEST(what servers read differently has no canonical form) {
  struct row {
    std::string_view text, why;
  };
  for (auto& [text, why] : std::initializer_list<row>{
         {"/..", "above the root"},
         {"/a/../../b", "above the root"},
         {"//..", "above the root"},
         {"/a/%2f/b", "encoded slash"},
         {"/a%2Fb", "encoded slash"},
         {"/a%5cb", "encoded slash or backslash"},
         {"/a\\b", "a backslash"},
         {"/a/%2e%2e/b", "encoded dot segment"},
         {"/a/.%2E/b", "encoded dot segment"},
         {"/a/%2e", "encoded dot segment"},
         {"/a/%2e%2e;x/b", "encoded dot segment"},
         {"/a/..;/b", "with parameters"},
         {"/a/.;x", "with parameters"},
         {"/a/..%3bx/b", "with parameters"},
         {"/a%00b", "control character"},
         {"/a%1f", "control character"},
         {"/a%7F", "control character"},
         {"/%252e%252e/b", "encoded twice"},
         {"/a%252Fb", "encoded twice"},
         {"/a%255cb", "encoded twice"},
         {"/a%25252f", "encoded twice"},
         {"/a%", "broken escape"},
         {"/a%2", "broken escape"},
         {"/a%zz", "broken escape"},
         {"/a%2x", "broken escape"},
         {"/a\xc3\xa9", "not visible ASCII"},
         {"/a b", "not visible ASCII"},
         {"/a\nb", "not visible ASCII"},
         {"/a?b c", "not visible ASCII"},
         {"/a#b", "a fragment"},
         {"/a?b#c", "a fragment"},
         {"a/b", "does not begin with a slash"},
         {"**", "does not begin with a slash"},
       }) {
    CAF_MESSAGE(text);
    auto answer = canonical(text);
    CAF_CHECK(answer.starts_with("! ") && answer.find(why) != std::string::npos);
  }
}

CAF_TEST(path and query are told apart) {
  request_path out;
  CAF_CHECK(!canonicalise("/a/./b?x=1?y", out));
  CAF_CHECK_EQUAL(out.path(), "/a/b");
  CAF_CHECK_EQUAL(out.query(), "x=1?y");
  CAF_CHECK(!canonicalise("/", out)); // nothing of the first is left
  CAF_CHECK_EQUAL(out.path(), "/");
  CAF_CHECK_EQUAL(out.query(), "");
  CAF_CHECK(!canonicalise("/a?", out));
  CAF_CHECK_EQUAL(out.query(), "");
}

CAF_TEST(escapes alone are spelled alike without judging them) {
  struct row {
    std::string_view text, canonical;
  };
  for (auto& [text, expected] : std::initializer_list<row>{
         {"/users/%40a%c3", "/users/@a%C3"},
         {"/a/../b//%2f", "/a/../b//%2F"},
         {"/a%2", "/a%2"},
         {"100%", "100%"},
         {"", ""},
       }) {
    CAF_MESSAGE(text);
    CAF_CHECK_EQUAL(canonical_escapes(text), expected);
  }
}
