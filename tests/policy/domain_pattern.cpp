#define CAF_SUITE policy.domain_pattern
#include "policy/domain_pattern.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using proxy::test::error_of;

namespace {

bool hits(std::string_view pattern, std::string_view name, uint16_t port = 443) {
  return unbox(domain_pattern::parse(pattern)).matches(unbox(host::parse(name)), port);
}

} // namespace

CAF_TEST(a pattern matches within its scope only) {
  struct row {
    std::string_view pattern, host;
    bool hit;
  };
  for (auto& [pattern, name, hit] : std::initializer_list<row>{
         {"example.com", "example.com", true},
         {"example.com", "a.example.com", false},
         {"Example.COM.", "example.com", true},
         {" example.com\t", "example.com", true},
         {"*.example.com", "a.example.com", true},
         {"*.example.com", "a.b.example.com", true}, // any depth
         {"*.example.com", "example.com", false},    // below the apex
         {"**.example.com", "example.com", true},    // apex and below
         {"**.example.com", "a.b.example.com", true},
         {"*.example.com", "badexample.com", false}, // a label boundary is required
         {"**.example.com", "badexample.com", false},
         {"*.example.com", "example.com.evil.test", false},
         {"region*.x.com", "region1.x.com", true},
         {"region*.x.com", "region.x.com", true},     // any run, also none
         {"region*.x.com", "regiona.b.x.com", false}, // never across a dot
         {"region*.x.com", "a.region1.x.com", false},
         {"us-*-?.x.com", "us-east-1.x.com", true},
         {"us-*-?.x.com", "us-east-11.x.com", false},
         {"ex?mple.com", "exmple.com", false},
         {"api.*-eu.x.com", "api.b-eu.x.com", true},
         {"a*b*c.com", "aXbYbZc.com", true}, // the last star is tried again
         {"a*b*c.com", "aXbYcZ.com", false},
         {"10.1.2.3", "10.1.2.3", true},
         {"0x0a.1.2.3", "10.1.2.3", true}, // read as a resolver would
         {"10.1.2.3", "::ffff:10.1.2.3", false},
         {"::1", "0:0:0:0:0:0:0:1", true},
         {"[::1]", "::1", true},
         {"[2001:db8::1]:443", "2001:db8::1", true},
         {"10.0.0.0/8", "10.255.0.1", true},
         {"10.0.0.0/8", "11.0.0.1", false},
         {"0.0.0.0/0", "1.2.3.4", true},
         {"0.0.0.0/0", "::1", false}, // families never match each other
         {"fd00::/8", "fd12::1", true},
         {"[fd00::/8]:443", "fd12::1", true},
         {"10.0.0.0/8", "10.example.com", false},
         {"fe80::1", "fe80::1%eth0", true}, // without a zone: every zone
         {"fe80::1%eth0", "fe80::1%eth0", true},
         {"fe80::1%eth0", "fe80::1%eth1", false},
         {"fe80::1%eth0", "fe80::1", false},
         {"1?.0.0.1", "10.0.0.1", false}, // wildcards are about names
       }) {
    CAF_MESSAGE(pattern << " against " << name);
    CAF_CHECK_EQUAL(hits(pattern, name), hit);
  }
}

CAF_TEST(a port narrows a pattern) {
  for (auto pattern : {"example.com:8443", "*.com:8443", "**.com:8443", "ex?mple.com:8443"}) {
    CAF_MESSAGE(pattern);
    CAF_CHECK(hits(pattern, "example.com", 8443));
    CAF_CHECK(!hits(pattern, "example.com", 443));
  }
  CAF_CHECK(hits("10.0.0.0/8:80", "10.1.1.1", 80));
  CAF_CHECK(!hits("10.0.0.0/8:80", "10.1.1.1", 81));
  CAF_CHECK(!hits("[::1]:80", "::1", 81));
  CAF_CHECK(hits("example.com:65535", "example.com", 65535));
}

CAF_TEST(a pattern that does not hold is refused with the reason) {
  struct row {
    std::string_view pattern, reason;
  };
  for (auto& [pattern, reason] : std::initializer_list<row>{
         {"", "empty"},
         {" \t", "empty"},
         {"*", "unsupported global wildcard domain pattern \"*\""},
         {"**", "global wildcard"},
         {"*.*", "global wildcard"},
         {"**.*", "global wildcard"},
         {"*.", "global wildcard"},
         {"**.", "global wildcard"},
         {"*:22", "global wildcard"},
         {"[*]", "global wildcard"},
         {"*.*.com", "second wildcard"},
         {"*.a*.com", "second wildcard"},
         {"login.*.example.com", "wildcards alone"},
         {"example.*", "wildcards alone"},
         {"a.?*.com", "wildcards alone"},
         {"*example.com", "put a dot"},
         {"*example.com:443", "put a dot"},
         {"a..b*.com", "empty"},
         {"a*.b c.com", "character"},
         {"{a,b}.test", "classes and alternates"},
         {"[ab].example.com", "classes and alternates"},
         {"api[.example.com", "classes and alternates"},
         {"[", "classes and alternates"},
         {"https://example.com", "not a URL"},
         {"example.com/path", "never a URL or a path"},
         {"not-an-ip/24", "never a URL or a path"},
         {"10.0.0.1/8", "write 10.0.0.0/8"},
         {"fd00::1/8", "write fd00::/8"},
         {"10.0.0.0/33", "number up to 32"},
         {"::/129", "number up to 128"},
         {"10.0.0.0/", "number up to 32"},
         {"10.0.0.0/08", "number up to 32"},
         {"10.0.0.0/-1", "number up to 32"},
         {"example.com:0", "port"},
         {"example.com:65536", "port"},
         {"example.com:0443", "port"},
         {"example.com:", "port"},
         {"example.com:http", "port"},
         {"[::1]:99999", "port"},
         {"[::1", ""},
         {"[::1]x", ""},
         {"a..b", "empty label"},
         {".example.com", "empty label"},
         {".", ""},
         {"a b.com", "character"},
         {"evil.com\nallow all", "character"},
         {"evil.com;x", "character"},
         {"*.10.0.0.1", "in front of an IP address"},
         {"*.168.1.1", "in front of an IP address"},
         {"éxämple.com", "write xn--xmple-gra7a.com"}, // what will be matched is what is read
         {"*.тест.x", "write *.xn--e1aybc.x"},         // and all of it, to be copied
         {"**.тест.x:8443", "write **.xn--e1aybc.x:8443"},
         {"тест.x:80", "write xn--e1aybc.x:80"},
         {"api*.тест.x", "write api*.xn--e1aybc.x"},
         {"api?.тест.x:443", "write api?.xn--e1aybc.x:443"},
         {"т*.x", "both a wildcard and characters beyond ASCII"},
         {"１２７.0.0.1", "write 127.0.0.1"}, // full-width digits
         {"１０.0.0.1:80", "write 10.0.0.1:80"},
         {"*.１０.0.0.1", "in front of an IP address"},
         {"10.0.0.1/8:443", "write 10.0.0.0/8:443"},
         {"[fd00::1/8]:443", "write [fd00::/8]:443"},
         {"api**.x", "** may only stand in front"},
         {"**api.x", "** may only stand in front"},
         {"a**b.x", "** may only stand in front"},
         {"a.b**", "** may only stand in front"},
         {"api-**.x:443", "** may only stand in front"},
         {"a***b.x", "** may only stand in front"},
         {"a.**.x", "wildcards alone"},
         {"***.x", "wildcards alone"},
         {"**.api**.x", "second wildcard"},
       }) {
    CAF_MESSAGE(pattern);
    auto parsed = domain_pattern::parse(pattern);
    CAF_REQUIRE(!parsed);
    CAF_CHECK_EQUAL(code_of(parsed.error()), errc::invalid_config);
    auto words = context_of(parsed.error());
    CAF_CHECK(!words.empty());
    CAF_CHECK(words.find(reason) != std::string::npos);
  }
  CAF_CHECK_EQUAL(error_of(domain_pattern::parse("a*." + std::string(300, 'a'))),
                  errc::invalid_config);
  CAF_CHECK_EQUAL(error_of(domain_pattern::parse(std::string(64, 'a') + "*.com")),
                  errc::invalid_config);
  CAF_CHECK_EQUAL(error_of(domain_pattern::parse(std::string(1 << 20, '*'))), errc::invalid_config);
}

CAF_TEST(two spellings of one pattern have one normal text) {
  struct row {
    std::string_view pattern, normal;
  };
  for (auto& [pattern, normal] : std::initializer_list<row>{
         {" Example.COM. ", "example.com"},
         {"*.Example.com:443", "*.example.com:443"},
         {"**.EXAMPLE.com.", "**.example.com"},
         {"Region*.X.com.", "region*.x.com"},
         {"0x7f.1", "127.0.0.1"},
         {"[0:0::1]", "::1"},
         {"[::1]:80", "[::1]:80"},
         {"10.0.0.0/8:80", "10.0.0.0/8:80"},
         {"[fd00::]/8", "fd00::/8"},
         {"[fd00::/8]:80", "[fd00::/8]:80"},
         {"[fe80::1%25lo0]", "fe80::1%lo0"},
         {"[fe80::1%2525g]", "fe80::1%2525g"}, // `%25g` would be read as the zone g
         {"fe80::1%25", "fe80::1%25"},
       }) {
    CAF_MESSAGE(pattern);
    auto text = unbox(domain_pattern::parse(pattern)).str();
    CAF_CHECK_EQUAL(text, normal);
    auto again = unbox(domain_pattern::parse(text)).str();
    CAF_CHECK_EQUAL(again, normal);
  }
}

CAF_TEST(a pattern lies inside another when it matches nothing more) {
  struct row {
    std::string_view inner, outer;
    bool inside;
  };
  for (auto& [inner, outer, inside] : std::initializer_list<row>{
         {"a.com", "a.com", true},
         {"a.com", "b.com", false},
         {"a.com", "*.a.com", false},
         {"a.com", "**.a.com", true},
         {"x.a.com", "*.a.com", true},
         {"*.a.com", "*.a.com", true},
         {"**.a.com", "*.a.com", false}, // the apex is outside
         {"*.a.com", "**.a.com", true},
         {"**.x.a.com", "*.a.com", true},
         {"*.a.com", "*.x.a.com", false},
         {"*.a.com", "a.com", false},
         {"*.ba.com", "*.a.com", false},
         {"x*.a.com", "*.a.com", true},
         {"x*.a.com", "**.a.com", true},
         {"x*.a.com", "x*.a.com", true},
         {"xy*.a.com", "x*.a.com", false}, // true, but not worth proving: refused is safe
         {"xyz.a.com", "x*.a.com", true},
         {"*.a.com", "x*.a.com", false},
         {"a.com:443", "a.com", true},
         {"a.com", "a.com:443", false},
         {"a.com:443", "a.com:80", false},
         {"10.1.1.1", "10.0.0.0/8", true},
         {"10.1.0.0/16", "10.0.0.0/8", true},
         {"10.0.0.0/8", "10.1.0.0/16", false},
         {"10.1.1.1/32", "10.1.1.1", true},
         {"10.1.1.1", "0.0.0.0/0", true},
         {"::1", "0.0.0.0/0", false},
         {"a.com", "0.0.0.0/0", false},
         {"10.1.1.1", "**.com", false},
         {"fe80::1%a", "fe80::1", true},
         {"fe80::1", "fe80::1%a", false},
         {"fe80::1%a", "fe80::/10", true},
       }) {
    CAF_MESSAGE(inner << " in " << outer);
    CAF_CHECK_EQUAL(
      unbox(domain_pattern::parse(inner)).is_within(unbox(domain_pattern::parse(outer))), inside);
  }
}

CAF_TEST(a hostile glob costs no more than the product of both lengths) {
  // Exponential backtracking would not come back from this.
  std::string glob;
  for (int i = 0; i < 31; ++i)
    glob += "a*";
  auto pattern = unbox(domain_pattern::parse(glob + "b.com"));
  CAF_CHECK(!pattern.matches(unbox(host::parse(std::string(63, 'a') + ".com")), 80));
}
