#define CAF_SUITE policy.pattern_set
#include "policy/pattern_set.hpp" // unit under test

#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

namespace {

std::string text_of(const placed_text* r) { return r ? r->text : "none"; }

std::string match(const pattern_set_ptr& set, std::string_view name, uint16_t port = 443) {
  return text_of(set->match(unbox(host::parse(name)), port));
}

std::string explicitly(const pattern_set_ptr& set, std::string_view name, uint16_t port = 443) {
  return text_of(set->match_explicit(unbox(host::parse(name)), port));
}

} // namespace

CAF_TEST(the most specific pattern answers) {
  auto set =
    set_of({"*.com", "**.example.com", "x*.a.example.com", "*.a.example.com", "a.example.com",
            "10.0.0.0/8", "10.1.0.0/16", "10.1.1.1", "b*.example.org", "localhost"});
  for (auto& [name, rule] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
         {"a.example.com", "a.example.com"},
         {"b.example.com", "**.example.com"},
         {"example.com", "**.example.com"},
         {"xy.a.example.com", "*.a.example.com"}, // a suffix before a glob
         {"c.b.example.com", "**.example.com"},
         {"other.com", "*.com"},
         {"com", "none"},
         {"bee.example.org", "b*.example.org"},
         {"example.org", "none"},
         {"10.1.1.1", "10.1.1.1"},
         {"10.1.1.2", "10.1.0.0/16"},
         {"10.2.0.0", "10.0.0.0/8"},
         {"11.0.0.0", "none"},
         {"::1", "none"},
         {"LOCALHOST.", "localhost"},
       }) {
    CAF_MESSAGE(name);
    auto found = match(set, name);
    CAF_CHECK_EQUAL(found, rule);
  }
}

CAF_TEST(of equally specific patterns the first one answers) {
  auto set = set_of({"**.a.com", "*.a.com", "A.com", "a.com", "10.0.0.0/8", "10.0.0.0/8:80",
                     "a*.b.org", "*.b.net", "?b.b.org"});
  CAF_CHECK_EQUAL(match(set, "x.a.com"), "**.a.com");
  CAF_CHECK_EQUAL(match(set, "a.com"), "A.com");
  CAF_CHECK_EQUAL(match(set, "10.0.0.1", 80), "10.0.0.0/8");
  CAF_CHECK_EQUAL(match(set, "ab.b.org"), "a*.b.org");
}

CAF_TEST(a pattern of another port is passed over for a less specific one) {
  auto set = set_of({"a.com:80", "a.com:443", "*.com", "**.b.a.com:80", "10.0.0.1:80", "10.0.0.0/8",
                     "g*.org:80", "gh*.org"});
  CAF_CHECK_EQUAL(match(set, "a.com", 80), "a.com:80");
  CAF_CHECK_EQUAL(match(set, "a.com", 443), "a.com:443");
  CAF_CHECK_EQUAL(match(set, "a.com", 8080), "*.com");
  CAF_CHECK_EQUAL(match(set, "b.a.com", 80), "**.b.a.com:80");
  CAF_CHECK_EQUAL(match(set, "b.a.com", 81), "*.com");
  CAF_CHECK_EQUAL(match(set, "10.0.0.1", 80), "10.0.0.1:80");
  CAF_CHECK_EQUAL(match(set, "10.0.0.1", 81), "10.0.0.0/8");
  CAF_CHECK_EQUAL(match(set, "ghx.org", 80), "g*.org:80");
  CAF_CHECK_EQUAL(match(set, "ghx.org", 81), "gh*.org");
}

CAF_TEST(globs with a wildcard in the last label are tried for every name) {
  auto set = set_of({"a.c?m", "host-*"});
  CAF_CHECK_EQUAL(match(set, "a.com"), "a.c?m");
  CAF_CHECK_EQUAL(match(set, "host-1"), "host-*");
  CAF_CHECK_EQUAL(match(set, "host-1.local"), "none");
}

CAF_TEST(an empty set matches nothing) {
  auto set = set_of({});
  CAF_REQUIRE(set);
  CAF_CHECK(set->empty());
  CAF_CHECK(!set->has_networks());
  CAF_CHECK_EQUAL(match(set, "example.com"), "none");
  CAF_CHECK_EQUAL(match(set, "127.0.0.1"), "none");
  CAF_CHECK_EQUAL(explicitly(set, "localhost"), "none");
}

CAF_TEST(every problem is reported with its place) {
  std::vector<pattern_set::problem> problems;
  auto set = pattern_set::compile(rules_of({"*", "ok.com", "10.0.0.1/8", ""}), problems);
  CAF_CHECK(!set);
  CAF_REQUIRE_EQUAL(problems.size(), 3u);
  CAF_CHECK_EQUAL(problems[0].where.line, 1u);
  CAF_CHECK_EQUAL(problems[1].where.line, 3u);
  CAF_CHECK_EQUAL(problems[1].reason,
                  "10.0.0.1/8 has bits set beyond its prefix; write 10.0.0.0/8");
  CAF_CHECK_EQUAL(problems[2].where.line, 4u);
  // Problems of an earlier list do not spoil a good one.
  CAF_CHECK(pattern_set::compile(rules_of({"ok.com"}), problems) != nullptr);
  CAF_CHECK_EQUAL(problems.size(), 3u);
}

CAF_TEST(a local host is listed explicitly by its literal or name or a local prefix) {
  auto set =
    set_of({"127.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::/0", "[fd00::/8]:443", "localhost:3000",
            "*.localhost", "b.localhost", "[fe80::1%eth0]", "192.168.1.0/24:80"});
  for (auto& [name, port, rule] :
       std::initializer_list<std::tuple<std::string_view, uint16_t, std::string_view>>{
         {"127.0.0.1", 1, "127.0.0.1"},
         {"127.0.0.2", 1, "none"},        // 0.0.0.0/0 unlocks nothing local
         {"::ffff:127.0.0.1", 1, "none"}, // another literal
         {"10.9.9.9", 1, "10.0.0.0/8"},
         {"::1", 1, "none"},
         {"fd12::1", 443, "[fd00::/8]:443"},
         {"fd12::1", 80, "none"},
         {"localhost", 3000, "localhost:3000"},
         {"localhost", 3001, "none"},
         {"a.localhost", 3000, "localhost:3000"},
         {"b.localhost", 80, "b.localhost"},
         {"a.localhost", 80, "none"}, // a wildcard is not explicit
         {"fe80::1%eth0", 1, "[fe80::1%eth0]"},
         {"fe80::1%eth1", 1, "none"},
         {"fe80::1", 1, "none"},
         {"192.168.1.7", 80, "192.168.1.0/24:80"},
         {"192.168.1.7", 81, "none"},
       }) {
    CAF_MESSAGE(name << " port " << port);
    auto found = explicitly(set, name, port);
    CAF_CHECK_EQUAL(found, rule);
  }
}

CAF_TEST(resolved addresses are compared with literals and prefixes only) {
  auto set =
    set_of({"example.com", "10.0.0.0/8", "169.254.169.254:80", "169.254.0.0/16", "[fe80::1%eth0]"});
  CAF_CHECK(set->has_networks());
  CAF_CHECK_EQUAL(text_of(set->match_address(ip("10.1.1.1"), 80)), "10.0.0.0/8");
  CAF_CHECK_EQUAL(text_of(set->match_address(ip("11.1.1.1"), 80)), "none");
  CAF_CHECK_EQUAL(text_of(set->match_address(ip("fe80::1"), 80)), "none"); // no zone is known of it
  CAF_CHECK_EQUAL(text_of(set->match_literal(ip("169.254.169.254"), 80)), "169.254.169.254:80");
  CAF_CHECK_EQUAL(text_of(set->match_literal(ip("169.254.169.254"), 81)),
                  "none"); // the prefix does not count
  CAF_CHECK(!set_of({"example.com", "*.a.com"})->has_networks());
}

CAF_TEST(the set answers as its patterns do one by one) {
  // Few labels, so that names, suffixes and globs meet often.
  const std::vector<std::string> labels{"a", "b", "ab", "c"};
  std::vector<std::string> names;
  for (auto& x : labels) {
    names.push_back(x);
    for (auto& y : labels) {
      names.push_back(x + '.' + y);
      for (auto& z : labels)
        names.push_back(x + '.' + y + '.' + z);
    }
  }
  std::vector<std::string> patterns;
  for (size_t i = 0; i < names.size(); i += 3)
    patterns.push_back((i % 2 ? "*." : i % 5 ? "**." : "") + names[i] + (i % 7 == 0 ? ":80" : ""));
  patterns.insert(patterns.end(), {"a*.b.c", "?b.a", "c.a*", "b.?b.c:80"});
  auto set = set_of(patterns);
  CAF_REQUIRE(set);
  size_t hits = 0;
  for (auto& name : names)
    for (auto port : {uint16_t{80}, uint16_t{443}}) {
      auto h = unbox(host::parse(name));
      bool any = false;
      for (auto& p : patterns)
        any |= unbox(domain_pattern::parse(p)).matches(h, port);
      auto found = set->match(h, port);
      if (any != (found != nullptr) ||
          (found && !unbox(domain_pattern::parse(found->text)).matches(h, port)))
        CAF_ERROR(name << ':' << port << " answers " << text_of(found));
      hits += any;
    }
  CAF_CHECK_GREATER(hits, 20u);
  CAF_CHECK_LESS(hits, names.size() * 2);
}

CAF_TEST(a hundred thousand patterns are all found) {
  std::vector<std::string> patterns;
  for (int i = 0; i < 100'000; ++i) {
    auto number = std::to_string(i);
    patterns.push_back(i % 2 ? "host" + number + ".example.com"
                             : "**.zone" + number + ".example.org");
  }
  auto set = set_of(patterns);
  CAF_REQUIRE(set);
  size_t found = 0;
  for (int i = 0; i < 100'000; ++i) {
    auto number = std::to_string(i);
    auto name =
      i % 2 ? "host" + number + ".example.com" : "deep.below.zone" + number + ".example.org";
    found += match(set, name) == patterns[static_cast<size_t>(i)];
  }
  CAF_CHECK_EQUAL(found, 100'000u);
  CAF_CHECK_EQUAL(match(set, "host100001.example.com"), "none");
}
