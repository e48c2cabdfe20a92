#define CAF_SUITE protocols.ip_address
#include "protocols/ip_address.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(strict notation is read and written canonically) {
  struct row {
    std::string_view text, canonical;
  };
  for (auto [text, canonical] : std::initializer_list<row>{
         {"127.0.0.1", "127.0.0.1"},
         {"255.255.255.255", "255.255.255.255"},
         {"0.0.0.0", "0.0.0.0"},
         {"::", "::"},
         {"::1", "::1"},
         {"0:0:0:0:0:0:0:1", "::1"},
         {"2001:DB8::A", "2001:db8::a"},                   // lower case (RFC 5952 §4.3)
         {"2001:0db8::0001", "2001:db8::1"},               // no leading zeros (§4.1)
         {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, // one group is not shortened (§4.2.2)
         {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          // the longest run is (§4.2.3)
         {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    // the first of equal runs is (§4.2.3)
         {"1:0:0:0:0:0:0:0", "1::"},
         {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
         {"1:0:0:0:0:ffff:1:2", "1::ffff:1:2"}, // looks mapped from the middle on
         {"0:0:1:2:3:ffff:1:2", "::1:2:3:ffff:1:2"},
         {"0:0:0:0:0:1:2:3", "::1:2:3"},
         {"::ffff:127.0.0.1", "::ffff:127.0.0.1"}, // mapped: dotted (§5)
         {"::ffff:7f00:1", "::ffff:127.0.0.1"},
         {"::ffff:0:0", "::ffff:0.0.0.0"},
         {"::127.0.0.1", "::7f00:1"},
         {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
         {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
       }) {
    CAF_MESSAGE(text);
    auto address = ip_address::parse(text);
    CAF_REQUIRE(address.has_value());
    CAF_CHECK_EQUAL(address->str(), std::string{canonical});
    CAF_CHECK(ip_address::parse(canonical) == address);
  }
}

CAF_TEST(anything but strict notation is refused) {
  for (std::string_view text : {
         "",
         "1",
         "1.2.3",
         "1.2.3.4.5",
         "1.2.3.256",
         "01.2.3.4",
         "1.2.3.04",
         "1.2.3.4 ",
         " 1.2.3.4",
         "1..3.4",
         "1.2.3.",
         ".1.2.3.4",
         "1.2.3.4.",
         "0x7f.0.0.1",
         "1.2.3.-4",
         "1.2.3.1000",
         "4294967297.0.0.1",
         "1a2.3.4",
         "+1.2.3.4",
         ":",
         ":::",
         "1::2::3",
         "12345::",
         "g::",
         "[::1]",
         "::1%lo",
         "1:2:3:4:5:6:7",
         "1:2:3:4:5:6:7:8:9",
         "::1.2.3",
         "::01.2.3.4",
         "::ffff:1.2.3.4:5",
         "1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22:23:24",
       }) {
    CAF_MESSAGE("'" << text << "'");
    CAF_CHECK(!ip_address::parse(text));
  }
  CAF_CHECK(!ip_address::parse(std::string_view{"::1\0", 4}));
  CAF_CHECK(!ip_address::parse(std::string_view{"1.2.3.4\0", 8}));
}

CAF_TEST(a mapped literal is not the address it maps) {
  auto v4 = ip_address::parse("127.0.0.1");
  auto mapped = ip_address::parse("::ffff:127.0.0.1");
  CAF_REQUIRE(v4 && mapped);
  CAF_CHECK(v4 != mapped);
  CAF_CHECK(v4->is_v4());
  CAF_CHECK(!mapped->is_v4());
  CAF_CHECK_EQUAL(v4->low32(), 0x7f000001u);
  CAF_CHECK_EQUAL(mapped->low32(), 0x7f000001u);
  CAF_CHECK(v4->bytes() == mapped->bytes());
}

CAF_TEST(a network is a prefix without host bits) {
  struct row {
    std::string_view text;
    bool good, host_bits;
  };
  for (auto [text, good, host_bits] : std::initializer_list<row>{
         {"10.0.0.0/8", true, false},
         {"0.0.0.0/0", true, false},
         {"1.2.3.4/32", true, false},
         {"::/0", true, false},
         {"::1/128", true, false},
         {"fe80::/10", true, false},
         {"10.0.0.1/8", false, true},
         {"10.128.0.0/8", false, true},
         {"1.2.3.4/31", true, false},
         {"1.2.3.5/31", false, true},
         {"1.2.3.4/0", false, true},
         {"fe80::1/10", false, true},
         {"10.0.0.0", false, false},
         {"10.0.0.0/", false, false},
         {"10.0.0.0/33", false, false},
         {"::/129", false, false},
         {"10.0.0.0/08", false, false},
         {"10.0.0.0/+8", false, false},
         {"10.0.0.0/8/8", false, false},
         {"10.0.0.0/1000", false, false},
         {"10.0/8", false, false},
         {"/8", false, false},
         {"0.0.0.0/4294967296", false, false},
       }) {
    CAF_MESSAGE(text);
    auto network = ip_network::parse(text);
    CAF_CHECK_EQUAL(network.has_value(), good);
    CAF_CHECK_EQUAL(ip_network::has_host_bits(text), host_bits);
    if (network)
      CAF_CHECK_EQUAL(network->str(), std::string{text});
  }
}

CAF_TEST(a network contains what shares its prefix and its family) {
  struct row {
    std::string_view network, address;
    bool inside;
  };
  for (auto [text, address, inside] : std::initializer_list<row>{
         {"10.0.0.0/8", "10.255.255.255", true},
         {"10.0.0.0/8", "11.0.0.0", false},
         {"10.0.0.0/9", "10.127.0.1", true},
         {"10.0.0.0/9", "10.128.0.0", false},
         {"1.2.3.4/32", "1.2.3.4", true},
         {"1.2.3.4/32", "1.2.3.5", false},
         {"0.0.0.0/0", "255.1.2.3", true},
         {"0.0.0.0/0", "::1", false},
         {"::/0", "1.2.3.4", false},
         {"::/0", "ffff::", true},
         {"::ffff:0.0.0.0/96", "1.2.3.4", false}, // the mapped literal is another address
         {"::ffff:0.0.0.0/96", "::ffff:1.2.3.4", true},
         {"fe80::/10", "febf::1", true},
         {"fe80::/10", "fec0::1", false},
       }) {
    CAF_MESSAGE(address << " in " << text);
    auto network = ip_network::parse(text);
    CAF_REQUIRE(network.has_value());
    CAF_CHECK_EQUAL(network->contains(ip_address::parse(address).value()), inside);
  }
}

CAF_TEST(a network contains narrower networks) {
  auto contains = [](std::string_view outer, std::string_view inner) {
    return ip_network::parse(outer).value().contains(ip_network::parse(inner).value());
  };
  CAF_CHECK(contains("10.0.0.0/8", "10.1.0.0/16"));
  CAF_CHECK(contains("10.0.0.0/8", "10.0.0.0/8"));
  CAF_CHECK(!contains("10.1.0.0/16", "10.0.0.0/8"));
  CAF_CHECK(!contains("10.0.0.0/16", "10.0.0.0/8"));
  CAF_CHECK(!contains("10.0.0.0/8", "11.0.0.0/16"));
  CAF_CHECK(!contains("0.0.0.0/0", "::/0"));
}
