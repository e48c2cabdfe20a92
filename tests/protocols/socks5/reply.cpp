#define CAF_SUITE protocols.socks5.reply
#include "protocols/socks5/reply.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::socks5;
using namespace std::string_literals;

CAF_TEST(a reply holds its code and the bound address) {
  CAF_CHECK_EQUAL(encode_reply(reply_code::succeeded, ip_address::v4(0xc0000201), 0x1f90),
                  "\x05\x00\x00\x01\xc0\x00\x02\x01\x1f\x90"s);
  CAF_CHECK_EQUAL(encode_reply(reply_code::succeeded, ip_address::parse("2001:db8::1").value(), 1),
                  "\x05\x00\x00\x04\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01\x00\x01"s);
  // A literal in mapped form is not folded into IPv4.
  CAF_CHECK_EQUAL(
    encode_reply(reply_code::succeeded, ip_address::parse("::ffff:1.2.3.4").value(), 65535),
    "\x05\x00\x00\x04"s + std::string(10, '\0') + "\xff\xff\x01\x02\x03\x04\xff\xff"s);
}

CAF_TEST(a refusal is bound to nothing) {
  CAF_CHECK_EQUAL(encode_reply(reply_code::not_allowed), "\x05\x02\x00\x01\0\0\0\0\0\0"s);
  CAF_CHECK_EQUAL(encode_reply(reply_code::address_type_not_supported),
                  "\x05\x08\x00\x01\0\0\0\0\0\0"s);
}

CAF_TEST(every failure has a reply) {
  struct row {
    errc code;
    reply_code reply;
  };
  for (auto [code, reply] : std::initializer_list<row>{
         {errc::malformed, reply_code::general_failure},
         {errc::unsupported_command, reply_code::command_not_supported},
         {errc::unsupported_address_type, reply_code::address_type_not_supported},
         {errc::connection_refused, reply_code::connection_refused},
         {errc::connection_timeout, reply_code::host_unreachable},
         {errc::dns_error, reply_code::host_unreachable},
         {errc::overloaded, reply_code::general_failure},
       }) {
    CAF_MESSAGE(to_string(code));
    CAF_CHECK(reply_for(code) == reply);
  }
  for (auto& row : outcomes) {
    CAF_MESSAGE(to_string(row.code));
    CAF_CHECK(row.socks_reply >= 1 && row.socks_reply <= 8);
    CAF_CHECK_NOT_EQUAL(row.socks_reply, 2); // policy alone says that
  }
}
