#define CAF_SUITE policy.mitm_hook
#include "policy/mitm_hook.hpp" // unit under test

#include <caf/deep_to_string.hpp>
#include <sstream>

#include "tests/policy/hooks.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;
using namespace proxy::test;

namespace {

using fields = std::vector<http1::field>;

bool admitted(const hook_text& hook, std::string_view method, std::string_view target,
              const fields& headers = {}) {
  http1::request_path path;
  bool canonical = !http1::canonicalise(target, path);
  return admits(hook_of(hook), {method, canonical ? &path : nullptr, headers});
}

} // namespace

CAF_TEST(methods are compared whatever their case) {
  hook_text hook{.methods = {"POST", "PUT"}};
  for (auto method : {"POST", "PUT", "post"})
    CAF_CHECK(admitted(hook, method, "/"));
  for (auto method : {"GET", "POSTS", "", "*"})
    CAF_CHECK(!admitted(hook, method, "/"));
}

CAF_TEST(a path fits one of the entries or the request does not pass) {
  struct row {
    std::string_view target;
    bool hit;
  };
  for (auto& [target, hit] : std::initializer_list<row>{
         {"/a/x", true},
         {"/b/x", true},
         {"/b/y/z", false},
         {"/c", false},
         {"/c?p=/a/", false}, // the query is no part of the path
         {"/a/../c", false},  // judged where it leads
         {"/c/../a/x", true},
         {"//a//x", true},
         {"/a/%2e%2e/c", false}, // no canonical form, no match
         {"/a/%2e%2e/a/x", false},
         {"/a/x%2fy", false},
         {"/a/x%5cy", false},
         {"/a/..;/c", false},
       }) {
    CAF_MESSAGE(target);
    CAF_CHECK_EQUAL(admitted({.paths = {"/a/", "pattern:/b/*"}}, "GET", target), hit);
  }
}

CAF_TEST(every query key must be there with a value that is listed) {
  struct row {
    constraints query;
    std::string_view target;
    bool hit;
  };
  for (auto& [query, target, hit] : std::initializer_list<row>{
         {{{"state", {"open", "triage"}}}, "/?state=triage", true},
         {{{"state", {"open"}}}, "/?state=closed", false},
         {{{"state", {"open"}}}, "/?state=closed&state=open", false},
         {{{"state", {"open"}}}, "/?x=1&state=open&y", true},
         {{{"state", {"open"}}}, "/", false},
         {{{"State", {"open"}}}, "/?state=open", false},
         {{{"a b", {"1"}}}, "/?a%20b=1", true},
         {{{"a b", {"1"}}}, "/?a+b=1", true},
         {{{"flag", {""}}}, "/?flag", true},
         {{{"flag", {""}}}, "/?flag=", true},
         {{{"flag", {""}}}, "/?flags", false},
         {{{"p", {"pattern:a*c"}}}, "/?p=a/b/c", true},
         {{{"p", {"1"}}, {"q", {"2"}}}, "/?q=2&p=1", true},
         {{{"p", {"1"}}, {"q", {"2"}}}, "/?p=1", false},
       }) {
    CAF_MESSAGE(target);
    CAF_CHECK_EQUAL(admitted({.query = query}, "GET", target), hit);
  }
}

CAF_TEST(a query key has to fit wherever a server could find it) {
  struct row {
    std::string_view query;
    bool hit;
  };
  for (auto& [query, hit] : std::initializer_list<row>{
         {"repo=good", true},
         {"repo=good&repo=good", true},
         {"repo=good&repo=fine", true},
         {"x=1&repo=good&y=2;z=3", true},
         {"repo=g%6fod&x=%00%c0", true}, // what nobody looks at may be anything
         {"repo=good&repository=x&rep=y&xrepo=z", true},
         {"re%70o=good", true},
         // Once more.
         {"repo=good&repo=evil", false},
         {"repo=evil&repo=good", false},
         {"repo=good&x=1&repo=evil", false},
         {"repo=good&re%70o=evil", false},
         {"repo=good&%72%65%70%6F=evil", false},
         {"repo=good&repo", false},
         {"repo=good&repo=", false},
         {"repo&repo=good", false},
         {"repo=", false},
         {"repo=good,evil", false},
         {"repo=good+", false},
         {"repo=good%00", false},
         // By servers that take `;` for `&`.
         {"repo=good;repo=evil", false},
         {"x=1;repo=evil&repo=good", false},
         {"repo=good&x=1;repo=evil", false},
         {"x;repo=good", false},
         {"repo=good&amp;repo=evil", false},
         // By frameworks with a generous reading of names.
         {"repo=good&repo[]=evil", false},
         {"repo[]=good", false},
         {"repo=good&repo%5B%5D=evil", false},
         {"repo=good&repo[0]=evil", false},
         {"repo=good&repo[x][y]=evil", false},
         {"repo=good&repo[=evil", false},
         {"repo=good&[repo]=evil", false},
         {"repo=good&Repo=evil", false},
         {"repo=good&REPO=evil", false},
         {"repo=good&+repo=evil", false},
         {"repo=good&repo+=evil", false},
         {"repo=good&%20repo=evil", false},
         {"repo=good&repo.=evil", false},
         {"repo=good&repo%00x=evil", false},
         // By whoever decodes otherwise.
         {"repo=good&re%2570o=evil", false},
         {"repo=good&re%u0070o=evil", false},
         {"repo=good&re%po=evil", false},
         {"repo=good&re%c1%b0o=evil", false},
         {"repo=good&%ff=x", false},
         {"repo=good&%0arepo=evil", false},
       }) {
    CAF_MESSAGE(query);
    CAF_CHECK_EQUAL(
      admitted({.query = {{"repo", {"good", "fine"}}}}, "GET", "/q?" + std::string{query}), hit);
  }
  // Patterns match text.
  for (auto& [query, hit] : std::initializer_list<row>{
         {"repo=good%c3%a9", true},
         {"repo=good;evil", true},
         {"repo=good%c0%ae", false},
         {"repo=good%ff", false},
         {"repo=good%00evil", false},
         {"repo=good%0aevil", false},
         {"repo=good%u002e", false},
         {"repo=good%", false},
         {"repo=good&repo=evil", false},
       }) {
    CAF_MESSAGE(query);
    CAF_CHECK_EQUAL(
      admitted({.query = {{"repo", {"pattern:good*"}}}}, "GET", "/q?" + std::string{query}), hit);
  }
  // A key that is written so itself.
  CAF_CHECK(admitted({.query = {{"a[]", {"1"}}}}, "GET", "/?a[]=1&a%5b%5d=1"));
  CAF_CHECK(!admitted({.query = {{"a[]", {"1"}}}}, "GET", "/?a[]=1&a=2"));
  CAF_CHECK(!admitted({.query = {{"my_key", {"1"}}}}, "GET", "/?my_key=1&my.key=2"));
}

CAF_TEST(a header has to fit wherever a server could find it) {
  struct row {
    words values;
    fields headers;
    bool hit;
  };
  for (auto& [values, headers, hit] : std::initializer_list<row>{
         {{"read"}, {{"X-Scope", "read"}, {"x-scope", "read"}}, true},
         {{"read", "list"}, {{"x-scope", "list"}, {"x-scope", "read"}}, true},
         {{"read"}, {{"x-scope", "read"}, {"x-scopes", "admin"}}, true},
         {{"read"}, {{"x-scope", "read"}, {"x-scope", "admin"}}, false},
         {{"read"}, {{"x-scope", "admin"}, {"x-scope", "read"}}, false},
         {{"read"}, {{"x-scope", "read"}, {"x-scope", ""}}, false},
         {{"read"}, {{"x-scope", ""}}, false},
         // Names that become the same variable.
         {{"read"}, {{"x-scope", "read"}, {"x_scope", "admin"}}, false},
         {{"read"}, {{"X_SCOPE", "admin"}, {"x-scope", "read"}}, false},
         {{"read"}, {{"x-scope", "read"}, {"x.scope", "admin"}}, false},
         {{"read"}, {{"x-scope", "read"}, {"x_scope", "read"}}, true},
         {{"read"}, {{"x_scope", "read"}}, false}, // to others it is not there
         // A line with commas is several.
         {{"read"}, {{"x-scope", "read, admin"}}, false},
         {{"read, admin"}, {{"x-scope", "read, admin"}}, true},
         {{"pattern:read*"}, {{"x-scope", "read-all"}}, true},
         {{"pattern:read*"}, {{"x-scope", "read, admin"}}, false},
         {{"pattern:read*"}, {{"x-scope", "read,admin"}}, false},
         {{"pattern:read*"}, {{"x-scope", "read-a, read-b"}}, true},
         {{"pattern:read*", "list"}, {{"x-scope", "read-a, list"}}, true},
         {{"pattern:read*"}, {{"x-scope", "read,"}}, false},
         {{"pattern:{read,list}*"}, {{"x-scope", "read, admin"}}, false},
         {{"pattern:read, *"}, {{"x-scope", "read, admin"}}, true},
         {{"pattern:*read"}, {{"x-scope", "admin, read"}}, false},
         {{"pattern:*"}, {{"x-scope", "a, b"}}, true},
         {{}, {{"x-scope", "a"}, {"x_scope", "b, c"}}, true}, // only that it is there
       }) {
    for (auto& h : headers)
      CAF_MESSAGE(h.name << ": " << h.value);
    CAF_CHECK_EQUAL(admitted({.headers = {{"x-scope", values}}}, "GET", "/", headers), hit);
  }
  CAF_CHECK(admitted({.headers = {{"user-agent", {"pattern:Mozilla/*"}}}}, "GET", "/",
                     {{"User-Agent", "Mozilla/5.0 (KHTML, like Gecko)"}}));
}

CAF_TEST(every header must be there with a value that is listed) {
  struct row {
    constraints wanted;
    fields headers;
    bool hit;
  };
  for (auto& [wanted, headers, hit] : std::initializer_list<row>{
         {{{"x-a", {"1"}}}, {{"X-A", "1"}}, true},
         {{{"X-A", {"1"}}}, {{"x-a", "1"}}, true},
         {{{"x-a", {"a"}}}, {{"x-a", "A"}}, false},
         {{{"x-a", {"1"}}}, {{"x-a", "1, 2"}}, false}, // the whole line, not a list
         {{{"x-a", {"2"}}}, {{"x-a", "1"}, {"x-a", "2"}}, false},
         {{{"x-a", {}}}, {{"x-a", "\xff"}}, true}, // present, whatever it says
         {{{"x-a", {}}}, {}, false},
         {{{"x-a", {"pattern:*"}}}, {{"x-a", "a\xff"}}, false},
         {{{"x-a", {"pattern:*"}}}, {{"x-a", "a\tb"}}, true},
         {{{"x-a", {""}}}, {{"x-a", ""}}, true},
         {{{"x-a", {"1"}}, {"x-b", {"1"}}}, {{"x-a", "1"}}, false},
         {{{"x-a", {"1"}}, {"x-b", {"1"}}}, {{"x-b", "1"}, {"x-a", "1"}}, true},
       }) {
    CAF_CHECK_EQUAL(admitted({.headers = wanted}, "GET", "/", headers), hit);
  }
}

CAF_TEST(a hook takes off what it strips and what it injects) {
  auto hook = hook_of({.strip = {"x-strip"}, .inject = {{"Authorization", "s3cret"}}});
  for (auto name :
       {"x-strip", "X-Strip", "x_strip", "X_STRIP", "x.strip", "authorization", "AUTHORIZATION"})
    CAF_CHECK(removes(hook, name));
  for (auto name : {"x-stripe", "xstrip", "x--strip", "cookie", ""})
    CAF_CHECK(!removes(hook, name));
}

CAF_TEST(the host of a hook is one exact host) {
  struct row {
    std::string_view text, host, why;
  };
  for (auto& [text, expected, why] : std::initializer_list<row>{
         {"api.github.com", "api.github.com", ""},
         {" API.GitHub.com. ", "api.github.com", ""},
         {"192.0.2.1", "192.0.2.1", ""},
         {"[2001:db8::1]", "2001:db8::1", ""},
         {"2001:DB8::1", "2001:db8::1", ""},
         {"", "", "host must not be empty"},
         {" ", "", "host must not be empty"},
         {"*.github.com", "", "cannot contain wildcards"},
         {"a?b.test", "", "cannot contain wildcards"},
         {"{a,b}.test", "", "cannot contain wildcards"},
         {"[ab].test", "", ""},
         {"a[b].test", "", "cannot contain wildcards"},
         {"api.test:443", "", "every port"},
         {"fe80::1%eth0", "", "every zone"},
         {"a b.test", "", ""},
         {"https://api.test", "", ""},
       }) {
    CAF_MESSAGE(text);
    auto parsed = parse_hook_host(text);
    CAF_CHECK_EQUAL(parsed.engaged(), !expected.empty());
    if (parsed)
      CAF_CHECK_EQUAL(parsed->text(), expected);
    else
      CAF_CHECK(context_of(parsed.error()).find(why) != std::string::npos);
  }
}

CAF_TEST(fields that frame or route a message cannot be changed) {
  for (auto name : {"authorization", "X-Trace", "te", "cookie"})
    CAF_CHECK_EQUAL(judge_field_name(name, true), "");
  for (auto name :
       {"host", "Host", "content-length", "Transfer-Encoding", "connection", "upgrade"}) {
    CAF_MESSAGE(name);
    CAF_CHECK_EQUAL(judge_field_name(name, true), "this field is the proxy's own to set");
    CAF_CHECK_EQUAL(judge_field_name(name, false), ""); // looking at it is fine
  }
  for (auto name : {"", "x a", "x:", ":authority", "x\r\n", "\xc3\xa9"})
    CAF_CHECK_EQUAL(judge_field_name(name, false), "expected a field name as HTTP writes it");
}

CAF_TEST(a secret prints as redacted) {
  secret hidden{"s3cret"};
  std::ostringstream out;
  out << hidden;
  CAF_CHECK_EQUAL(out.str(), "<redacted>");
  CAF_CHECK_EQUAL(caf::deep_to_string(hidden), "<redacted>");
  CAF_CHECK_EQUAL(hidden.reveal(), "s3cret");
  CAF_CHECK(!(hidden == secret{"other"}));
}

CAF_TEST(two hooks are the same when they say the same) {
  hook_text text{
    .query = {{"a", {"1"}}}, .headers = {{"b", {}}}, .strip = {"c"}, .inject = {{"d", "s3cret"}}};
  auto one = hook_of(text);
  auto moved = one;
  moved.where.line = 99;
  CAF_CHECK(one == moved);
  for (auto change : std::initializer_list<void (*)(hook_text&)>{
         [](hook_text& t) { t.host = "b.test"; }, [](hook_text& t) { t.methods = {"PUT"}; },
         [](hook_text& t) { t.paths = {"/x"}; }, [](hook_text& t) { t.query[0].second = {"2"}; },
         [](hook_text& t) { t.headers[0].first = "x"; }, [](hook_text& t) { t.strip.clear(); },
         [](hook_text& t) { t.inject[0].second = "another"; }, // a secret file that was renewed
       }) {
    auto other = text;
    change(other);
    CAF_CHECK(!(one == hook_of(other)));
  }
}
