#define CAF_SUITE protocols.socks5.greeting
#include "protocols/socks5/greeting.hpp" // unit under test

#include "tests/support/decoding.hpp"

using namespace proxy;
using namespace proxy::socks5;
using namespace proxy::test;
using namespace std::string_literals;

CAF_TEST(a greeting decodes whole and byte by byte and with bytes to spare) {
  auto all = std::string(255, '\x02');
  for (auto& [message, methods] : std::initializer_list<std::pair<std::string, std::string>>{
         {"\x05\x01\x00"s, "\x00"s},
         {"\x05\x02\x00\x02"s, "\x00\x02"s},
         {"\x05\x03\x00\x01\x80"s, "\x00\x01\x80"s},
         {"\x05\x01\xff"s, "\xff"s},
         {"\x05\xff" + all, all},
       })
    check_decodes(decode_greeting, message, greeting{methods});
}

CAF_TEST(what is no greeting is refused at the first wrong byte) {
  struct row {
    std::string message;
    size_t size;
  };
  for (auto& [message, size] : std::initializer_list<row>{
         {"\x04\x01\x00\x50"s, 1}, // SOCKS4
         {"\x00"s, 1},
         {"\x06\x01\x00"s, 1},
         {"\x85\x01\x00"s, 1},
         {"GET / HTTP/1.1"s, 1},
         {"\x16\x03\x01"s, 1}, // TLS
         {"\x05\x00"s, 2},
         {"\x05\x00\x00"s, 2},
       })
    check_refuses(decode_greeting, message, size, errc::malformed);
}

CAF_TEST(a greeting tells which methods it offers) {
  auto both = greeting{{"\x02\x00", 2}};
  CAF_CHECK(both.offers(method::no_authentication));
  CAF_CHECK(both.offers(method::user_password));
  auto gssapi = greeting{"\x01"};
  CAF_CHECK(!gssapi.offers(method::no_authentication));
  CAF_CHECK(!gssapi.offers(method::user_password));
  // A client cannot offer that nothing is acceptable.
  CAF_CHECK(!greeting{"\xff"}.offers(method::none_acceptable));
}

CAF_TEST(an answer names the method) {
  CAF_CHECK_EQUAL(encode_method(method::no_authentication), "\x05\x00"s);
  CAF_CHECK_EQUAL(encode_method(method::user_password), "\x05\x02"s);
  CAF_CHECK_EQUAL(encode_method(method::none_acceptable), "\x05\xff"s);
}
