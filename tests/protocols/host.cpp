#define CAF_SUITE protocols.host
#include "protocols/host.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using proxy::test::error_of;
using namespace std::string_literals;

namespace {

std::string repeat(std::string_view text, size_t times) {
  std::string result;
  while (times-- > 0)
    result += text;
  return result;
}

} // namespace

CAF_TEST(a host is normalised once) {
  struct row {
    std::string text, normal;
  };
  for (auto& [text, normal] : std::initializer_list<row>{
         {"example.com", "example.com"},
         {"ExAmPlE.CoM", "example.com"},
         {" \texample.com\t ", "example.com"},
         {"example.com.", "example.com"},
         {"localhost", "localhost"},
         {"_dmarc.Example.com", "_dmarc.example.com"},
         {"a-b.-c.d-", "a-b.-c.d-"},
         {"r3---sn-abc.example.com", "r3---sn-abc.example.com"}, // a cache of videos is called so
         {"1e100.net", "1e100.net"},
         {"1.2.3.com", "1.2.3.com"},
         {"0xyz.1a", "0xyz.1a"}, // the last label is no number
         {"a.1xab", "a.1xab"},
         {"a.0gff", "a.0gff"},
         {"a.x1", "a.x1"},
         {repeat("a", 63) + ".com", repeat("a", 63) + ".com"},
         {repeat("a.", 126) + "a", repeat("a.", 126) + "a"}, // 253 bytes
         {repeat("a.", 126) + "a.", repeat("a.", 126) + "a"},
         // IDNA, UTS 46 non-transitional
         {"bücher.example", "xn--bcher-kva.example"},
         {"BÜCHER.Example.", "xn--bcher-kva.example"},
         {"xn--bcher-kva.example", "xn--bcher-kva.example"},
         {"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
         {"faß.de", "xn--fa-hia.de"},
         {"例え。テスト。", "xn--r8jz45g.xn--zckzah"}, // ideographic full stops
         {"x\u00ad.com", "x.com"},                     // a soft hyphen is nothing
         {"Ⅳ.com", "iv.com"},
         {"xn--ls8h.la", "xn--ls8h.la"}, // a symbol, already as DNS knows it
         {"r3---sn.xn--bcher-kva.example", "r3---sn.xn--bcher-kva.example"},
         {"-a.xn--bcher-kva.example", "-a.xn--bcher-kva.example"},
       }) {
    CAF_MESSAGE(text);
    auto parsed = host::parse(text);
    CAF_REQUIRE(parsed);
    CAF_CHECK_EQUAL(parsed->text(), normal);
    CAF_CHECK(!parsed->ip());
    CAF_CHECK_EQUAL(parsed->in_url(), normal);
    CAF_CHECK(unbox(host::parse(normal)) == *parsed);
  }
}

CAF_TEST(an odd spelling of an IPv4 address is that address) {
  struct row {
    std::string_view text, address;
  };
  for (auto [text, address] : std::initializer_list<row>{
         {"127.0.0.1", "127.0.0.1"},
         {"127.0.0.1.", "127.0.0.1"},
         {"127.1", "127.0.0.1"},
         {"255.1", "255.0.0.1"},
         {"127.0.1", "127.0.0.1"},
         {"127.65535", "127.0.255.255"},
         {"2130706433", "127.0.0.1"},
         {"017700000001", "127.0.0.1"},
         {"0x7f.1", "127.0.0.1"},
         {"0X7F.0x0.0.01", "127.0.0.1"},
         {"0x7F000001", "127.0.0.1"},
         {"0177.0.0.1", "127.0.0.1"},
         {"0xffffffff", "255.255.255.255"},
         {"4294967295", "255.255.255.255"},
         {"0", "0.0.0.0"},
         {"00", "0.0.0.0"},
         {"0x", "0.0.0.0"},
         {"1.2.3.0x", "1.2.3.0"},
         {"00000000000000000000000000177.0.0.1", "127.0.0.1"},
         {"１２７.０.０.１", "127.0.0.1"}, // full-width digits
         {"０x7f。1", "127.0.0.1"},
         {"169.254.43518", "169.254.169.254"},
       }) {
    CAF_MESSAGE(text);
    auto parsed = host::parse(text);
    CAF_REQUIRE(parsed);
    CAF_CHECK_EQUAL(parsed->text(), std::string{address});
    CAF_CHECK(parsed->ip() == ip_address::parse(address));
    CAF_CHECK_EQUAL(parsed->in_url(), std::string{address});
  }
}

CAF_TEST(an IPv6 literal loses its brackets and keeps its scope apart) {
  struct row {
    std::string_view text, address, scope, url;
  };
  for (auto [text, address, scope, url] : std::initializer_list<row>{
         {"::1", "::1", "", "[::1]"},
         {"[::1]", "::1", "", "[::1]"},
         {" [2001:DB8::0:1] ", "2001:db8::1", "", "[2001:db8::1]"},
         {"::ffff:127.0.0.1", "::ffff:127.0.0.1", "", "[::ffff:127.0.0.1]"},
         {"fe80::1%eth0", "fe80::1", "eth0", "[fe80::1%25eth0]"},
         {"[fe80::1%25eth0]", "fe80::1", "eth0", "[fe80::1%25eth0]"},
         {"[fe80::1%eth0]", "fe80::1", "eth0", "[fe80::1%25eth0]"},
         {"fe80::1%25", "fe80::1", "25", "[fe80::1%2525]"}, // interface 25
         {"fe80::1%25e", "fe80::1", "e", "[fe80::1%25e]"},
         {"fe80::1%a~b", "fe80::1", "a~b", "[fe80::1%25a~b]"},
         {"fe80::1%abcdefghijklmnopqrstuvwxyz012345", "fe80::1", "abcdefghijklmnopqrstuvwxyz012345",
          "[fe80::1%25abcdefghijklmnopqrstuvwxyz012345]"},
       }) {
    CAF_MESSAGE(text);
    auto parsed = host::parse(text);
    CAF_REQUIRE(parsed);
    CAF_CHECK_EQUAL(parsed->text(), std::string{address});
    CAF_CHECK_EQUAL(parsed->scope(), std::string{scope});
    CAF_CHECK(parsed->ip() == ip_address::parse(address));
    CAF_CHECK_EQUAL(parsed->in_url(), std::string{url});
    CAF_CHECK(unbox(host::parse(parsed->in_url())) == *parsed);
  }
}

CAF_TEST(what is no host is malformed) {
  for (const auto& text : {
         ""s,
         " "s,
         "."s,
         ".."s,
         "..."s,
         "a..b"s,
         ".a"s,
         "a.."s,
         "..a"s,
         repeat("a", 64) + ".com",
         repeat("a.", 127) + "a",
         repeat("a", 100'000),
         repeat(".", 100'000),
         "a b"s,
         "a\tb"s,
         "a/b"s,
         "a\\b"s,
         "a@b"s,
         "a%2eb"s,
         "a?b"s,
         "a#b"s,
         "a,b"s,
         "*.a"s,
         "a:80"s,
         "a:"s,
         ":"s,
         "a\0.com"s,
         "a.com\0"s,
         "\0"s,
         "a\r\n.com"s,
         "a.com\n"s,
         "a\x7f.com"s,
         "\x01ü.com"s,
         "ü\0.com"s,
         "ü\n"s,
         // numbers that are no address
         "256.1.1.1"s,
         "1.2.3.4.5"s,
         "1.2.3.4.0"s,
         "1x.2"s,
         "0x1g.1"s,
         "0x7f.0.0.0.1"s,
         "1.2.3.08"s,
         "4294967296"s,
         "1.2.65536"s,
         "1.256.3"s,
         "0x100000000"s,
         "99999999999999999999999999"s,
         "1..2"s,
         "example.1"s,
         "a.0x1f"s,
         "foo.0x"s,
         "1.2.3.4.5.6"s,
         // brackets
         "[]"s,
         "["s,
         "]"s,
         "[::1"s,
         "::1]"s,
         "[127.0.0.1]"s,
         "[example.com]"s,
         "[::1]x"s,
         "[::1]."s,
         "[[::1]]"s,
         "[::1]:80"s,
         "1::2::3"s,
         "fe80::1%"s,
         "fe80::1%a b"s,
         "fe80::1%a/b"s,
         "127.0.0.1%eth0"s,
         "fe80::1%" + repeat("x", 33),
         "fe80::1%\0"s,
         // IDNA
         "\xff.com"s,
         "\xc3"s,
         "xn--.com"s,
         "xn--a.com"s,
         "xn--zzzzzz-.com"s,
         "℀.com"s /* a/c */,
         "a．．ü"s,
         "\u00ad"s,
         "ex ample.ü"s,
         "☃.net"s,
         "ü："s /* full-width colon */,
         repeat("ü", 64),
       }) {
    CAF_MESSAGE("'" << text.substr(0, 80) << "'");
    CAF_CHECK_EQUAL(error_of(host::parse(text)), errc::malformed);
  }
}

CAF_TEST(what is no host says why) {
  struct row {
    std::string text;
    std::string_view why;
  };
  for (auto& [text, why] : std::initializer_list<row>{
         {".", "host: empty"},
         {"a..b", "host: empty label"},
         {repeat("a", 64), "host: label longer than 63 bytes"},
         {repeat("a.", 127) + "a", "host: name longer than 253 bytes"},
       }) {
    CAF_MESSAGE(text);
    auto parsed = host::parse(text);
    CAF_REQUIRE(!parsed);
    CAF_CHECK_EQUAL(context_of(parsed.error()), std::string{why});
  }
  for (auto& [text, why] : std::initializer_list<row>{
         {"[::1", "host: bracket without its partner"},
         {"::1:80", "host: IPv6 literal without brackets"},
         {"a:", "host: port outside 1 to 65535"},
       }) {
    CAF_MESSAGE(text);
    auto parsed = authority::parse(text);
    CAF_REQUIRE(!parsed);
    CAF_CHECK_EQUAL(context_of(parsed.error()), std::string{why});
  }
}

CAF_TEST(localhost is a name and everything below it) {
  for (auto text : {"localhost", "LOCALHOST.", "a.localhost", "a.b.LocalHost"}) {
    CAF_MESSAGE(text);
    CAF_CHECK(unbox(host::parse(text)).is_localhost());
  }
  for (auto text : {"notlocalhost", "localhost.example", "127.0.0.1", "localhos", "-localhost"}) {
    CAF_MESSAGE(text);
    CAF_CHECK(!unbox(host::parse(text)).is_localhost());
  }
}

CAF_TEST(an authority is a host and maybe a port) {
  struct row {
    std::string_view text, host;
    int port; ///< 0: none.
  };
  for (auto [text, name, port] : std::initializer_list<row>{
         {"example.com", "example.com", 0},
         {"Example.com.:443", "example.com", 443},
         {"example.com:1", "example.com", 1},
         {"example.com:65535", "example.com", 65535},
         {"example.com:00080", "example.com", 80},
         {"127.1:80", "127.0.0.1", 80},
         {"[::1]", "::1", 0},
         {"[::1]:8080", "::1", 8080},
         {"[fe80::1%25eth0]:1", "fe80::1", 1},
       }) {
    CAF_MESSAGE(text);
    auto parsed = authority::parse(text);
    CAF_REQUIRE(parsed);
    CAF_CHECK_EQUAL(parsed->host.text(), std::string{name});
    CAF_CHECK_EQUAL(parsed->port.value_or(0), static_cast<uint16_t>(port));
  }
}

CAF_TEST(what is no authority is malformed) {
  for (const auto& text : {
         ""s,
         ":"s,
         ":80"s,
         "a:"s,
         "a:0"s,
         "a:65536"s,
         "a:99999999999999999999"s,
         "a:000080"s,
         "a:+80"s,
         "a:-1"s,
         "a:8 0"s,
         "a:80 "s,
         " a:80"s,
         "a :80"s,
         "a: 80"s,
         "a:http"s,
         "a:80:90"s,
         "a:80/"s,
         "a:0x50"s,
         "a:８０"s,
         "user@a"s,
         "user:pw@a:80"s,
         "@a"s,
         "::1"s,
         "::1:80"s,
         "2001:db8::1"s,
         "[::1"s,
         "[::1]80"s,
         "[::1]a:80"s,
         "[::1]:"s,
         "[]:80"s,
         "[a]:80"s,
         "a]:80"s,
         "a:80\0"s,
         "a\0:80"s,
         "[::1]]:80"s,
       }) {
    CAF_MESSAGE("'" << text << "'");
    CAF_CHECK_EQUAL(error_of(authority::parse(text)), errc::malformed);
  }
}

CAF_TEST(a host from an address is the one that its text parses to) {
  for (auto text :
       {"0.0.0.0", "127.0.0.1", "::", "::1", "2001:db8::1", "::ffff:1.2.3.4", "fe80::1"}) {
    CAF_MESSAGE(text);
    auto made = host::from(ip_address::parse(text).value());
    CAF_CHECK(made == unbox(host::parse(text)));
    CAF_CHECK_EQUAL(made.text(), text);
  }
}
