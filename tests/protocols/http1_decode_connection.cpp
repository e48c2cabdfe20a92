#define CAF_SUITE protocols.http1_decode_connection
#include "protocols/http1/decode.hpp" // unit under test

#include "tests/protocols/http1_heads.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http1;
using namespace proxy::http1::test;

CAF_TEST(Connection options count on every line) {
  struct row {
    std::string_view version, lines;
    bool keep_alive;
    std::string_view upgrade;
  };
  for (auto& [version, lines, keep_alive, upgrade] : std::initializer_list<row>{
         {"1.1", "", true, ""},
         {"1.1", "Connection: close\r\n", false, ""},
         {"1.1", "Connection: CLOSE\r\n", false, ""},
         {"1.1", "Connection: x\r\nConnection: , y ,close,\r\n", false, ""},
         {"1.1", "Connection: keep-alive, close\r\n", false, ""},
         {"1.1", "Connection: closed\r\n", true, ""},
         {"1.1", "X-Connection: close\r\n", true, ""},
         {"1.1", "User-Agent: close\r\n", true, ""}, // as long as Connection
         {"1.0", "", false, ""},
         {"1.0", "Connection: Keep-Alive\r\n", false, ""}, // RFC 9112 §C.2.2
         {"1.0", "Connection: x\r\nConnection: keep-alive\r\n", false, ""},
         {"1.0", "Connection: keep-alive, close\r\n", false, ""},
         {"1.0", "Proxy-Connection: keep-alive\r\n", false, ""},
         {"1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true, "websocket"},
         {"1.1", "Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n", true, "websocket"},
         {"1.1", "Upgrade: websocket\r\n", true, ""},
         {"1.1", "Connection: upgrade\r\n", true, ""},
         {"1.1", "Connection: upgrade\r\nReferer: x\r\n", true, ""}, // as long as Upgrade
         {"1.1", "Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n", true, "a"},
         {"1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n", false, ""}, // RFC 9110 §7.8
       }) {
    CAF_MESSAGE(version << " " << lines);
    request out;
    auto head = with(lines, version);
    CAF_REQUIRE(!decode_request(head, {}, out));
    CAF_CHECK_EQUAL(out.keep_alive, keep_alive);
    CAF_CHECK_EQUAL(out.upgrade, std::string{upgrade});
  }
}

CAF_TEST(the number of Connection options is limited) {
  auto options = [](size_t n) {
    std::string line = "Connection: ";
    while (n-- > 0)
      line += "x,";
    return with(line + "\r\n");
  };
  CAF_CHECK_EQUAL(outcome_of_request(options(32)), errc{});
  CAF_CHECK_EQUAL(outcome_of_request(options(33)), errc::malformed);
}
