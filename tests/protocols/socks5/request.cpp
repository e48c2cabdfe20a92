#define CAF_SUITE protocols.socks5.request
#include "protocols/socks5/request.hpp" // unit under test

#include "protocols/socks5/reply.hpp"
#include "tests/support/decoding.hpp"

using namespace proxy;
using namespace proxy::socks5;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

/// A request to CONNECT to a name at port 443.
std::string connect_to(std::string_view name) {
  return "\x05\x01\x00\x03"s + static_cast<char>(name.size()) + std::string{name} + "\x01\xbb";
}

request wanted(socks5::command how, std::string_view to, uint16_t port) {
  return {how, {unbox(host::parse(to)), port}};
}

/// A name of `size` bytes in labels of 63.
std::string long_name(size_t size) {
  std::string name(size, 'a');
  for (size_t at = 63; at < size; at += 64)
    name[at] = '.';
  return name;
}

} // namespace

CAF_TEST(a request decodes whole and byte by byte and with bytes to spare) {
  using enum socks5::command;
  struct row {
    std::string message;
    request value;
  };
  for (auto& [message, value] : std::initializer_list<row>{
         {"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50"s, wanted(connect, "127.0.0.1", 80)},
         {"\x05\x02\x00\x01\xff\xfe\xfd\xfc\xff\xff"s, wanted(bind, "255.254.253.252", 65535)},
         {"\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"s, wanted(udp_associate, "0.0.0.0", 0)},
         {"\x05\x03\x00\x04"s + std::string(18, '\0'), wanted(udp_associate, "::", 0)},
         {"\x05\x01\x00\x04\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01\x1f\x90"s,
          wanted(connect, "2001:db8::1", 8080)},
         // The mapped form stays a v6 address, as everywhere.
         {"\x05\x01\x00\x04"s + std::string(10, '\0') + "\xff\xff\x7f\x00\x00\x01\x00\x50"s,
          wanted(connect, "::ffff:127.0.0.1", 80)},
         {"\x05\x01\x00\x03\x01x\x00\x00"s, wanted(connect, "x", 0)},
         {connect_to("example.com"), wanted(connect, "example.com", 443)},
         {connect_to(long_name(253)), wanted(connect, long_name(253), 443)},
       })
    check_decodes(decode_request, message, value);
}

CAF_TEST(a name is judged as everywhere) {
  struct row {
    std::string_view name, text;
  };
  for (auto& [name, text] : std::initializer_list<row>{
         {"EXAMPLE.Com.", "example.com"},
         {"b\xc3\xbc"
          "cher.example",
          "xn--bcher-kva.example"},
         {"127.1", "127.0.0.1"},
         {"0x7f.0.0.1", "127.0.0.1"},
         {"2130706433", "127.0.0.1"},
         {"017700000001", "127.0.0.1"},
         {"::1", "::1"}, // clients that resolve nothing send literals so
         {"[::1]", "::1"},
         {"localhost", "localhost"},
       }) {
    CAF_MESSAGE(name);
    check_decodes(decode_request, connect_to(name),
                  request{socks5::command::connect, {unbox(host::parse(text)), 443}});
  }
}

CAF_TEST(a bad request is refused at the first wrong byte with its reply) {
  struct row {
    std::string message;
    size_t size;
    errc code;
    uint8_t reply;
  };
  using enum errc;
  for (auto& [message, size, code, reply] : std::initializer_list<row>{
         {"\x04\x01\x00\x50\x7f\x00\x00\x01\x00"s, 1, malformed, 1},
         {"\x00"s, 1, malformed, 1},
         {"\x05\x00\x00\x01"s, 2, unsupported_command, 7},
         {"\x05\x04\x00\x01"s, 2, unsupported_command, 7},
         {"\x05\x09\x00\x01"s, 2, unsupported_command, 7},
         {"\x05\x83\x00\x01"s, 2, unsupported_command, 7},
         {"\x05\xf0\x00\x03\x01x\x00\x00"s, 2, unsupported_command, 7}, // Tor's RESOLVE
         {"\x05\xff\x01\x09"s, 2, unsupported_command, 7},              // the first fault counts
         {"\x05\x01\x01\x01"s, 3, malformed, 1},
         {"\x05\x01\xff\x09"s, 3, malformed, 1},
         {"\x05\x01\x00\x00"s, 4, unsupported_address_type, 8},
         {"\x05\x01\x00\x02"s, 4, unsupported_address_type, 8},
         {"\x05\x01\x00\x05"s, 4, unsupported_address_type, 8},
         {"\x05\x01\x00\x09\x7f\x00\x00\x01\x00\x50"s, 4, unsupported_address_type, 8},
         {"\x05\x03\x00\xff"s, 4, unsupported_address_type, 8},
         {"\x05\x01\x00\x03\x00\x01\xbb"s, 5, malformed, 1}, // no name
         {"\x05\x01\x00\x03\x01\x00\x01\xbb"s, 6, malformed, 1},
       }) {
    check_refuses(decode_request, message, size, code);
    CAF_CHECK_EQUAL(static_cast<uint8_t>(reply_for(code)), reply);
  }
}

CAF_TEST(a name that is no host is refused with its last byte) {
  for (auto& name : {
         "."s,
         ".."s,
         "a..b"s,
         ".a"s,
         " "s,
         " a"s,
         "a "s,
         "\ta"s,
         "a b"s,
         "a\0"s,
         "\0a"s,
         "example.com\0.evil"s,
         "b\xc3\xbc\0"s,
         "a\r\nb"s,
         "a/b"s,
         "a@b"s,
         "a:80"s,
         "a%00"s,
         "*.a"s,
         "[::1"s,
         "::1]"s,
         "1.2.3.256"s,
         "1.2.3.4.5"s,
         "\xff\xfe"s,
         std::string(64, 'a'),
         long_name(254),
         long_name(255),
         std::string(255, 'a'),
         std::string(255, '\0'),
       }) {
    CAF_MESSAGE(name);
    check_refuses(decode_request, connect_to(name), 5 + name.size(), errc::malformed);
  }
}

CAF_TEST(an error tells what it was about) {
  auto context = [](const std::string& message) {
    auto got = decode_request(message);
    return got ? ""s : context_of(got.error());
  };
  CAF_CHECK_EQUAL(context("\x04"), "socks5 version at byte 0"s);
  CAF_CHECK_EQUAL(context("\x05\xf0"), "socks5 command 240"s);
  CAF_CHECK_EQUAL(context("\x05\x01\x00\x09"s), "socks5 address type 9"s);
  CAF_CHECK_EQUAL(context(connect_to("a..b")), "host: empty label"s);
}
