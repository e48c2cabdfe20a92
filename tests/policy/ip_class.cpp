#define CAF_SUITE policy.ip_class
#include "policy/ip_class.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;

namespace {

ip_address ip(std::string_view text) {
  auto parsed = ip_address::parse(text);
  CAF_REQUIRE(parsed);
  return *parsed;
}

} // namespace

CAF_TEST(an address has the class that the registries give it) {
  struct row {
    std::string_view address;
    ip_class kind;
  };
  for (auto& [address, kind] : std::initializer_list<row>{
         {"0.0.0.0", ip_class::unspecified},
         {"0.255.255.255", ip_class::unspecified},
         {"1.0.0.0", ip_class::global},
         {"9.255.255.255", ip_class::global},
         {"10.0.0.0", ip_class::private_use},
         {"10.255.255.255", ip_class::private_use},
         {"11.0.0.0", ip_class::global},
         {"100.63.255.255", ip_class::global},
         {"100.64.0.0", ip_class::shared},
         {"100.127.255.255", ip_class::shared},
         {"100.128.0.0", ip_class::global},
         {"126.255.255.255", ip_class::global},
         {"127.0.0.1", ip_class::loopback},
         {"127.255.255.255", ip_class::loopback},
         {"128.0.0.0", ip_class::global},
         {"169.253.255.255", ip_class::global},
         {"169.254.0.0", ip_class::link_local},
         {"169.254.169.254", ip_class::metadata},
         {"169.255.0.0", ip_class::global},
         {"172.15.255.255", ip_class::global},
         {"172.16.0.0", ip_class::private_use},
         {"172.31.255.255", ip_class::private_use},
         {"172.32.0.0", ip_class::global},
         {"192.0.0.1", ip_class::reserved},
         {"192.0.0.8", ip_class::reserved},
         {"192.0.0.9", ip_class::global}, // anycast, marked as reachable
         {"192.0.0.10", ip_class::global},
         {"192.0.0.192", ip_class::metadata},
         {"192.0.1.0", ip_class::global},
         {"192.0.2.1", ip_class::documentation},
         {"192.88.99.1", ip_class::reserved},
         {"192.168.0.1", ip_class::private_use},
         {"192.169.0.0", ip_class::global},
         {"198.17.255.255", ip_class::global},
         {"198.18.0.0", ip_class::benchmarking},
         {"198.19.255.255", ip_class::benchmarking},
         {"198.20.0.0", ip_class::global},
         {"198.51.100.1", ip_class::documentation},
         {"203.0.113.1", ip_class::documentation},
         {"223.255.255.255", ip_class::global},
         {"224.0.0.1", ip_class::multicast},
         {"239.255.255.255", ip_class::multicast},
         {"240.0.0.1", ip_class::reserved},
         {"255.255.255.255", ip_class::broadcast},
         {"168.63.129.16", ip_class::metadata}, // a public address that answers inside a cloud only
         {"::", ip_class::unspecified},
         {"::1", ip_class::loopback},
         {"::2", ip_class::unspecified}, // carries 0.0.0.2
         {"100::1", ip_class::reserved},
         {"1fff::1", ip_class::reserved},
         {"2000::1", ip_class::global},
         {"2001:1::1", ip_class::global},
         {"2001:1::4", ip_class::reserved},
         {"2001:2::1", ip_class::benchmarking},
         {"2001:3::1", ip_class::global},
         {"2001:4:112::1", ip_class::global},
         {"2001:10::1", ip_class::reserved}, // ORCHID, gone
         {"2001:20::1", ip_class::global},   // ORCHIDv2
         {"2001:30::1", ip_class::global},
         {"2001:1ff::1", ip_class::reserved},
         {"2001:200::1", ip_class::global},
         {"2001:db8::1", ip_class::documentation},
         {"2001:4860:4860::8888", ip_class::global},
         {"2606:4700:4700::1111", ip_class::global},
         {"2620:4f:8000::1", ip_class::global},
         {"3fff::1", ip_class::documentation},
         {"3fff:fff::1", ip_class::documentation},
         {"3fff:1000::1", ip_class::global},
         {"4000::1", ip_class::reserved},
         {"5f00::1", ip_class::reserved},
         {"fc00::1", ip_class::unique_local},
         {"fdff::1", ip_class::unique_local},
         {"fd00:ec2::254", ip_class::metadata},
         {"fe00::1", ip_class::reserved},
         {"fe80::1", ip_class::link_local},
         {"febf::1", ip_class::link_local},
         {"fec0::1", ip_class::site_local},
         {"ff02::1", ip_class::multicast},
       }) {
    CAF_MESSAGE(address);
    CAF_CHECK_EQUAL(to_string(classify(ip(address))), to_string(kind));
    CAF_CHECK_EQUAL(is_non_public(ip(address)), kind != ip_class::global);
  }
}

CAF_TEST(a form that carries a v4 address is judged by that address as well) {
  struct row {
    std::string_view form, carried;
    ip_class kind;
  };
  for (auto& [form, carried, kind] : std::initializer_list<row>{
         {"::ffff:127.0.0.1", "127.0.0.1", ip_class::loopback},
         {"::ffff:8.8.8.8", "8.8.8.8", ip_class::global},
         {"::ffff:169.254.169.254", "169.254.169.254", ip_class::metadata},
         {"::10.0.0.1", "10.0.0.1", ip_class::private_use},
         {"::8.8.8.8", "8.8.8.8", ip_class::global},
         {"::ffff:0:10.0.0.1", "10.0.0.1", ip_class::private_use},
         {"64:ff9b::10.0.0.1", "10.0.0.1", ip_class::private_use},
         {"64:ff9b::8.8.8.8", "8.8.8.8", ip_class::global},
         {"64:ff9b:1:a9fe:a9:fe00::", "169.254.169.254", ip_class::metadata}, // RFC 6052, /48
         {"64:ff9b:1::169.254.169.254", "169.254.169.254",
          ip_class::metadata}, // a /96 cut out of it
         {"64:ff9b:1::8.8.8.8", "8.8.8.8", ip_class::translation},
         {"2002:a00:1::1", "10.0.0.1", ip_class::private_use},
         {"2002:808:808::1", "8.8.8.8", ip_class::translation},
         {"2001:0:4136:e378:8000:63bf:f5ff:fffe", "10.0.0.1", ip_class::private_use}, // bits turned
         {"2001:0:4136:e378:8000:63bf:f7f7:f7f7", "8.8.8.8", ip_class::translation},
         {"2001:200::5efe:10.0.0.1", "10.0.0.1", ip_class::private_use}, // ISATAP
         {"2001:200::200:5efe:10.0.0.1", "10.0.0.1", ip_class::private_use},
         {"2001:200::5efe:8.8.8.8", "8.8.8.8", ip_class::global},
       }) {
    CAF_MESSAGE(form);
    auto found = embedded_v4(ip(form));
    CAF_REQUIRE(found);
    auto text = found->str();
    CAF_CHECK_EQUAL(text, carried);
    CAF_CHECK_EQUAL(to_string(classify(ip(form))), to_string(kind));
  }
  for (auto form : {"10.0.0.1", "::", "::1", "2001:200::1", "64:ff9b:2::10.0.0.1",
                    "2001:200::300:5efe:10.0.0.1"}) {
    CAF_MESSAGE(form);
    CAF_CHECK(!embedded_v4(ip(form)));
  }
}

CAF_TEST(metadata services are known in every form) {
  for (auto address : {"169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192",
                       "168.63.129.16", "fd00:ec2::254", "fd20:ce::254", "fd00:42::42",
                       "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"}) {
    CAF_MESSAGE(address);
    CAF_CHECK(is_metadata(ip(address)));
  }
  for (auto address : {"169.254.169.253", "fd00:ec2::255", "fd00:ec2:0:1::254", "8.8.8.8"})
    CAF_CHECK(!is_metadata(ip(address)));
}

CAF_TEST(a network is non - public only as a whole) {
  struct row {
    std::string_view network;
    bool non_public;
  };
  for (auto& [network, non_public] : std::initializer_list<row>{
         {"10.0.0.0/8", true},
         {"10.1.2.0/24", true},
         {"10.0.0.0/7", false},
         {"0.0.0.0/0", false},
         {"::/0", false},
         {"127.0.0.1/32", true},
         {"8.8.8.8/32", false},
         {"224.0.0.0/3", true},   // multicast and reserved side by side
         {"192.0.0.0/24", false}, // two of its addresses are global
         {"192.0.0.0/29", true},
         {"169.254.0.0/16", true},
         {"fc00::/7", true},
         {"fc00::/6", true}, // the other half is reserved
         {"fd00::/8", true},
         {"fe80::/10", true},
         {"2000::/3", false},
         {"2001:db8::/32", true},
         {"::1/128", true},
         {"::ffff:10.0.0.0/104", true},
         {"::ffff:0.0.0.0/96", false},
         {"::ffff:8.8.8.8/128", false},
         {"64:ff9b::7f00:0/104", true},
         {"2002::/16", true},
       }) {
    CAF_MESSAGE(network);
    auto parsed = ip_network::parse(network);
    CAF_REQUIRE(parsed);
    CAF_CHECK_EQUAL(is_non_public(*parsed), non_public);
  }
}

CAF_TEST(masking keeps the first bits of either family) {
  for (auto& [address, bits, base] :
       std::initializer_list<std::tuple<std::string_view, unsigned, std::string_view>>{
         {"10.255.255.255", 8, "10.0.0.0"},
         {"10.255.255.255", 0, "0.0.0.0"},
         {"10.255.255.255", 32, "10.255.255.255"},
         {"10.255.255.255", 13, "10.248.0.0"},
         {"ffff::ffff", 1, "8000::"},
         {"ffff::ffff", 0, "::"},
         {"ffff::ffff", 128, "ffff::ffff"},
         {"ffff::ffff", 120, "ffff::ff00"},
       }) {
    auto text = masked(ip(address), bits).str();
    CAF_CHECK_EQUAL(text, base);
  }
}
