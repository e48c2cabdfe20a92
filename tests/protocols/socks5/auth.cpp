#define CAF_SUITE protocols.socks5.auth
#include "protocols/socks5/auth.hpp" // unit under test

#include "tests/support/decoding.hpp"

using namespace proxy;
using namespace proxy::socks5;
using namespace proxy::test;
using namespace std::string_literals;

CAF_TEST(credentials decode whole and byte by byte and with bytes to spare) {
  auto longest = std::string(255, 'x');
  struct row {
    std::string message, user, password;
  };
  for (auto& [message, user, password] : std::initializer_list<row>{
         {"\x01\x04user\x06secret"s, "user"s, "secret"s},
         {"\x01\x01u\x00"s, "u"s, ""s}, // against RFC 1929, but seen
         {"\x01\x01u\x01p"s, "u"s, "p"s},
         {"\x01\x03\x00:\xff\x02\x00\n"s, "\x00:\xff"s, "\x00\n"s},
         {"\x01\xff" + longest + "\xff" + longest, longest, longest},
       })
    check_decodes(decode_credentials, message, credentials{user, password});
}

CAF_TEST(what is no authentication is refused at the first wrong byte) {
  struct row {
    std::string message;
    size_t size;
  };
  for (auto& [message, size] : std::initializer_list<row>{
         {"\x05\x01u\x01p"s, 1}, // a request of a client that does not wait
         {"\x00"s, 1},
         {"\x02\x01u\x01p"s, 1},
         {"\x01\x00"s, 2},
         {"\x01\x00\x00"s, 2},
         {"\x01\x00\x01p"s, 2},
       })
    check_refuses(decode_credentials, message, size, errc::malformed);
}

CAF_TEST(an answer accepts or refuses) {
  CAF_CHECK_EQUAL(encode_auth_status(true), "\x01\x00"s);
  CAF_CHECK_EQUAL(encode_auth_status(false), "\x01\x01"s);
}
