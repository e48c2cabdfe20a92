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
         {"/a%2520b", "/a%2520b"},
         {"/a%257e", "/a%257e"},
         {"/..%25zz", "/..%25zz"},
         {"/a/..%3F2e", "/a/..%3F2e"}, // the digits are no second escape
         // UTF-8, up to four bytes.
         {"/%e6%97%a5%e6%9c%ac", "/%E6%97%A5%E6%9C%AC"},
         {"/%f0%9f%98%80", "/%F0%9F%98%80"},
         {"/a%c2%a0b", "/a%C2%A0b"},
         {"/%ef%bc%a1", "/%EF%BC%A1"},
         // Dots and blanks that make no dot segment.
         {"/.well-known/x", "/.well-known/x"},
         {"/a%20/b.", "/a%20/b."},
         {"/%20/+", "/%20/+"},
         {"/..a%20", "/..a%20"},
         {"/a..%20b", "/a..%20b"},
         // Neither delimiters of segments nor escapes: left alone.
         {"/a;b=c/d!$&'()*+,=e", "/a;b=c/d!$&'()*+,=e"},
         {"/;x/%20;y", "/;x/%20;y"},
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
         {"/a/%2e%2e;%41", "encoded dot segment"},
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
         {"/a%25%32%65", "encoded twice"},
         {"/a%25%32%46b", "encoded twice"},
         {"/%2%35%32e", "broken escape"},
         {"/..%253b/a", "encoded twice"},
         {"/a%2500", "encoded twice"},
         {"/a%251f", "encoded twice"},
         {"/a%257f", "encoded twice"},
         {"/a%25%252e", "encoded twice"}, // right behind another one
         {"/%25c0%25ae/a", "encoded twice"},
         // Overlong forms and other bytes that are no UTF-8.
         {"/%c0%ae%c0%ae/b", "no UTF-8"},
         {"/a%c0%afb", "no UTF-8"},
         {"/%c1%9c", "no UTF-8"},
         {"/%e0%80%ae/b", "no UTF-8"},
         {"/%f0%80%80%ae", "no UTF-8"},
         {"/%f8%80%80%80%ae", "no UTF-8"},
         {"/%fc%80%80%80%80%ae", "no UTF-8"},
         {"/caf%e9", "no UTF-8"},
         {"/a%c3", "no UTF-8"},
         {"/a%c3/%a9", "no UTF-8"},
         {"/a%c3b", "no UTF-8"},
         {"/a%c3b%a9", "no UTF-8"},
         {"/a%c3%41", "no UTF-8"},
         {"/a%80", "no UTF-8"},
         {"/a%ff", "no UTF-8"},
         {"/%ed%a0%80", "no UTF-8"},
         {"/%f4%90%80%80", "no UTF-8"},
         // Control characters of all kinds.
         {"/a%09", "control character"},
         {"/a%0a", "control character"},
         {"/a%0d%0aX", "control character"},
         {"/..%00/b", "control character"},
         {"/a%c2%85", "control character"},
         {"/a%c2%9f", "control character"},
         // Dot segments to those who trim or normalise.
         {"/a/..%20/b", "with blanks"},
         {"/a/%20../b", "with blanks"},
         {"/a/.%20./b", "with blanks"},
         {"/a/.%20", "with blanks"},
         {"/a/...%20/b", "with blanks"},
         {"/a/..+/b", "with blanks"},
         {"/a/..%2520/b", "with blanks"},
         {"/a/..%c2%a0/b", "with blanks"},
         {"/a/..%e2%80%8b/b", "with blanks"},
         {"/a/..%09/b", "control character"},
         {"/a/...;/b", "with parameters"},
         {"/a/..%20;x/b", "with parameters"},
         {"/a/%20..;x/b", "with parameters"},
         {"/a/..;a=b/c", "with parameters"},
         {"/a/%2e%2e%2e/b", "encoded dot segment"},
         {"/a/%ef%bc%8e%ef%bc%8e/b", "looks like dots"},
         {"/a/.%ef%bc%8e/b", "looks like dots"},
         {"/a/%e2%80%a5/b", "looks like dots"},
         {"/a%ef%bc%8fb", "take for a slash"},
         {"/a%e2%88%95b", "take for a slash"},
         {"/a%ef%bc%bcb", "take for a slash"},
         {"/a%ef%bc%852e", "take for a slash or an escape"},
         {"/a%u002e", "broken escape"},
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
