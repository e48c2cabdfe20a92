#define CAF_SUITE protocols.socks5.datagram
#include "protocols/socks5/datagram.hpp" // unit under test

#include <array>
#include <vector>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::socks5;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

std::string bytes(auto... from) {
  std::array<char, max_datagram_header> out;
  out.fill('\x55');
  auto size = write_datagram_header(out, from...);
  for (auto at = size; at < out.size(); ++at)
    CAF_CHECK_EQUAL(out[at], '\x55');
  return {out.data(), size};
}

/// An address field, and where it leads.
struct row {
  std::string address;
  std::string_view to;
  uint16_t port;
};

std::vector<row> addresses() {
  return {
    {"\x01\x7f\x00\x00\x01\x00\x35"s, "127.0.0.1", 53},
    {"\x01\xff\xff\xff\xff\xff\xff"s, "255.255.255.255", 65535},
    {"\x01\x00\x00\x00\x00\x00\x00"s, "0.0.0.0", 0},
    {"\x04\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01\x01\xbb"s, "2001:db8::1", 443},
    {"\x04"s + std::string(10, '\0') + "\xff\xff\x01\x02\x03\x04\x00\x35"s, "::ffff:1.2.3.4", 53},
    {"\x03\x0b"s
     "example.com\x00\x35"s,
     "example.com", 53},
    {"\x03\x01x\x00\x01"s, "x", 1},
  };
}

} // namespace

CAF_TEST(a datagram is taken apart) {
  for (auto& [address, to, port] : addresses())
    for (auto& data : {""s, "d"s, "\0\x05"s, std::string(1400, '\xff')})
      for (auto frag : {uint8_t{0}, uint8_t{1}, uint8_t{0x80}, uint8_t{0xff}}) {
        auto all = "\0\0"s + static_cast<char>(frag) + address + data;
        auto got = decode_datagram(all);
        CAF_REQUIRE(got);
        CAF_CHECK(*got == (datagram{frag, address, data}));
        CAF_CHECK_EQUAL(got->data_offset(), 3 + address.size());
      }
}

CAF_TEST(the address of a datagram becomes an endpoint) {
  for (auto& [address, to, port] : addresses()) {
    CAF_MESSAGE(to);
    CAF_CHECK(unbox(read_address(address)) == (endpoint{unbox(host::parse(to)), port}));
  }
  CAF_CHECK(unbox(read_address("\x03\x05"
                               "127.1\x00\x35"s)) ==
            (endpoint{unbox(host::parse("127.0.0.1")), 53}));
}

CAF_TEST(a datagram without a whole header is dropped) {
  for (auto& [address, to, port] : addresses()) {
    auto all = "\0\0\0"s + address;
    for (size_t size = 0; size < all.size(); ++size)
      CAF_CHECK(!decode_datagram(std::string_view{all}.substr(0, size)));
  }
  auto name = std::string(254, 'a');
  for (auto& bad : {
         "\x01\0\0\x01\x7f\0\0\x01\0\x35 data"s, // reserved
         "\0\x01\0\x01\x7f\0\0\x01\0\x35 data"s,
         "\0\0\0\x00\x7f\0\0\x01\0\x35 data"s, // type
         "\0\0\0\x02\x7f\0\0\x01\0\x35 data"s,
         "\0\0\0\x05\x7f\0\0\x01\0\x35 data"s,
         "\0\0\0\x09\x7f\0\0\x01\0\x35 data"s,
         "\0\0\0\xff\x7f\0\0\x01\0\x35 data"s,
         "\0\0\0\x03\x00\0\x35 data"s, // no name
         "\0\0\0\x03\x00"s,
         "\0\0\0\x03\xff"s + name + "\0\x35"s,
       })
    CAF_CHECK(!decode_datagram(bad));
}

CAF_TEST(an address that leads nowhere is refused) {
  struct bad_row {
    std::string address;
    errc code;
  };
  for (auto& [address, code] : std::initializer_list<bad_row>{
         {""s, errc::malformed},
         {"\x01"s, errc::malformed},
         {"\x01\x7f\x00\x00\x01\x00"s, errc::malformed},
         {"\x01\x7f\x00\x00\x01\x00\x35\x00"s, errc::malformed},
         {"\x03\x00\x00\x35"s, errc::malformed},
         {"\x03\x03"s
          "a\0b\x00\x35"s,
          errc::malformed},
         {"\x03\x02"s
          " a\x00\x35"s,
          errc::malformed},
         {"\x03\xff"s + std::string(255, 'a') + "\x00\x35"s, errc::malformed},
         {"\x09\x7f\x00\x00\x01\x00\x35"s, errc::unsupported_address_type},
       })
    CAF_CHECK_EQUAL(error_of(read_address(address)), code);
}

CAF_TEST(a header is written in each form) {
  for (auto& [address, to, port] : addresses()) {
    auto from = unbox(host::parse(to));
    auto header = "\0\0\0"s + address;
    CAF_CHECK_EQUAL(bytes(from, port), header);
    CAF_CHECK_EQUAL(bytes(std::string_view{address}), header);
    if (from.ip())
      CAF_CHECK_EQUAL(bytes(*from.ip(), port), header);
  }
}

CAF_TEST(the longest address fits a header) {
  auto address = "\x03\xff"s + std::string(255, 'a') + "\x00\x35"s;
  CAF_CHECK_EQUAL(bytes(std::string_view{address}).size(), max_datagram_header);
  auto all = "\0\0\0"s + address + "d";
  CAF_CHECK(decode_datagram(all) == (datagram{0, address, "d"}));
  CAF_CHECK_EQUAL(max_datagram_header, 262u);
}

CAF_TEST(a scope has no room in a header) {
  auto scoped = unbox(host::parse("fe80::1%eth0"));
  CAF_CHECK_EQUAL(bytes(scoped, uint16_t{1}), bytes(*scoped.ip(), uint16_t{1}));
}
