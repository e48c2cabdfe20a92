#define CAF_SUITE actors.cli.dial_tunnel
#include "actors/cli/dial.hpp" // unit under test

#include "tests/actors/cli/talker.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::cli;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

/// What became of asking a proxy that says this for a target.
struct asked {
  std::string first; ///< Of the target: what has come with the answer.
  std::string later; ///< And what is left to whoever reads the socket.
  std::string error; ///< In words; "" when there is a tunnel.
  std::string heard; ///< By the proxy.
};

asked ask(std::string says, proxy_url through, const std::string& host, uint16_t port) {
  talker proxy{std::move(says)};
  through.host = "127.0.0.1";
  through.port = proxy.port();
  asked out;
  if (auto way = open_tunnel(through, host, port)) {
    out.first = std::move(way->first);
    for (char c; ::read(way->socket.get(), &c, 1) == 1;)
      out.later += c;
  } else {
    out.error = context_of(way.error());
  }
  out.heard = proxy.heard();
  return out;
}

proxy_url http(std::string user = "", std::string password = "") {
  return {.socks = false, .host = "", .user = std::move(user), .password = std::move(password)};
}

proxy_url socks(std::string user = "", std::string password = "") {
  return {.socks = true, .host = "", .user = std::move(user), .password = std::move(password)};
}

} // namespace

CAF_TEST(a proxy is asked for a tunnel by HTTP and shown who asks) {
  struct row {
    proxy_url through;
    std::string host, heard;
  };
  for (auto& [through, host, heard] : std::initializer_list<row>{
         {http(), "a.test", "CONNECT a.test:22 HTTP/1.1\r\nHost: a.test:22\r\n\r\n"},
         {http(), "2001:db8::1",
          "CONNECT [2001:db8::1]:22 HTTP/1.1\r\nHost: [2001:db8::1]:22\r\n\r\n"},
         // RFC 7617 §2, and each rest of a division by three.
         {http("Aladdin", "open sesame"), "a.test",
          "CONNECT a.test:22 HTTP/1.1\r\nHost: a.test:22\r\n"
          "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"},
         {http("bob"), "a.test",
          "CONNECT a.test:22 HTTP/1.1\r\nHost: a.test:22\r\n"
          "Proxy-Authorization: Basic Ym9iOg==\r\n\r\n"},
         {http("", "\xff\xfe"), "a.test",
          "CONNECT a.test:22 HTTP/1.1\r\nHost: a.test:22\r\n"
          "Proxy-Authorization: Basic Ov/+\r\n\r\n"},
         {http("b", "123"), "a.test",
          "CONNECT a.test:22 HTTP/1.1\r\nHost: a.test:22\r\n"
          "Proxy-Authorization: Basic YjoxMjM=\r\n\r\n"},
       }) {
    auto got = ask("HTTP/1.1 200 OK\r\n\r\n", through, host, 22);
    CAF_CHECK_EQUAL(got.heard, heard);
    CAF_CHECK_EQUAL(got.error, "");
  }
}

CAF_TEST(what a proxy answers by HTTP is a tunnel or told in its own words) {
  const auto not_understood = "the proxy gave no answer that could be understood"s;
  struct row {
    std::string says, first, error;
  };
  for (auto& [says, first, error] : std::initializer_list<row>{
         {"HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x\r\n\r\n", "SSH-2.0-x\r\n\r\n", ""},
         {"HTTP/1.0 204 Fine\r\nvia: x\r\n\r\n", "", ""},
         {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx", "x",
          ""},
         {"HTTP/1.1 403 Blocked by policy: not_allowed a.test\r\nX: y\r\ncontent-LENGTH: 12\r\n\r\n"
          "line\x1b\r\nline\n",
          "", "403 Blocked by policy: not_allowed a.test: line   line"},
         {"HTTP/1.1 502 Bad Gateway\r\n\r\n" + std::string(2000, 'x'), "",
          "502 Bad Gateway: " + std::string(600, 'x')},
         {"HTTP/1.1 407 Who\r\n\r\n", "", "407 Who: "},
         {"", "", not_understood},
         {"HTTP/1.1 200 OK\r\n", "", not_understood},
         {"HTTP/1.1 100 Continue\r\n\r\n", "", not_understood},
         {"SSH-2.0-OpenSSH\r\n\r\n", "", not_understood},
         {"HTTP/1.1 abc\r\n\r\n", "", not_understood},
         {"HTTP/1.1 200 OK\r\nx: " + std::string(70000, 'x'), "", not_understood},
       }) {
    CAF_MESSAGE(says.substr(0, 60));
    auto got = ask(says, http(), "a.test", 22);
    CAF_CHECK_EQUAL(got.first, first);
    CAF_CHECK_EQUAL(got.error, error);
  }
}

CAF_TEST(a proxy is asked for a tunnel by SOCKS in the form of the target) {
  const auto greeting = "\x05\x01\x00"s;
  const auto opened = "\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"s;
  struct row {
    proxy_url through;
    std::string host, says, heard;
  };
  for (auto& [through, host, says, heard] : std::initializer_list<row>{
         {socks(), "a.test", opened, greeting + "\x05\x01\x00\x03\x06"s + "a.test\x01\xbb"},
         {socks(), "1.2.3.4", opened, greeting + "\x05\x01\x00\x01\x01\x02\x03\x04\x01\xbb"s},
         {socks(), "2001:db8::1", opened,
          greeting + "\x05\x01\x00\x04\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01\x01\xbb"},
         // Its own address in the other forms: a name, and one of IPv6.
         {socks(), "a.test", "\x05\x00\x05\x00\x00\x03\x02xy\x00\x50"s,
          greeting + "\x05\x01\x00\x03\x06"s + "a.test\x01\xbb"},
         {socks(), "a.test", "\x05\x00\x05\x00\x00\x04"s + std::string(18, 'x'),
          greeting + "\x05\x01\x00\x03\x06"s + "a.test\x01\xbb"},
         {socks("bob", "secret"), "a.test", "\x05\x02\x01\x00"s + opened.substr(2),
          "\x05\x02\x00\x02\x01\x03"s + "bob\x06secret" + "\x05\x01\x00\x03\x06"s +
            "a.test\x01\xbb"},
         {socks("bob", "secret"), "a.test", opened, // it may do without
          "\x05\x02\x00\x02\x05\x01\x00\x03\x06"s + "a.test\x01\xbb"},
       }) {
    CAF_MESSAGE(host << " as " << through.user);
    auto got = ask(says + "first", through, host, 443);
    CAF_CHECK_EQUAL(got.error, "");
    CAF_CHECK_EQUAL(got.first + got.later, "first");
    CAF_CHECK(got.heard == heard);
  }
}

CAF_TEST(what a proxy refuses by SOCKS is told in words) {
  const auto not_understood = "the proxy gave no answer that could be understood"s;
  const auto hung_up = "the proxy hung up"s;
  struct row {
    proxy_url through;
    std::string says, error;
  };
  for (auto& [through, says, error] : std::initializer_list<row>{
         {socks(), "", not_understood},
         {socks(), "HTTP/1.1 400 Bad Request\r\n\r\n", not_understood},
         {socks(), "\x05\xff"s,
          "the proxy wants to know who asks: put name and password into ALL_PROXY"},
         {socks(), "\x05\x02"s,
          "the proxy wants to know who asks: put name and password into ALL_PROXY"},
         {socks("bob", "x"), "\x05\x02\x01\x01"s, "the proxy refused name and password"},
         {socks("bob", "x"), "\x05\x02\x01"s, hung_up},
         {socks("bob", std::string(256, 'x')), "\x05\x02"s,
          "name and password of a SOCKS proxy have 255 bytes at most"},
         {socks(), "\x05\x00"s, hung_up},
         {socks(), "\x05\x00\x05\x00\x00\x01\x7f"s, hung_up},
         {socks(), "\x05\x00\x05\x00\x00\x03\x09xy"s, hung_up},
         {socks(), "\x05\x00\x05\x00\x00\x07xxxxxxxxxxxxxxxxxx"s, hung_up},
       }) {
    CAF_MESSAGE(error);
    CAF_CHECK_EQUAL(ask(says, through, "a.test", 443).error, error);
  }
  CAF_CHECK_EQUAL(ask("\x05\x00"s, socks(), std::string(256, 'a'), 443).error,
                  "the host's name is too long");
  // RFC 1928 §6.
  const char* replies[] = {
    "general failure",          "not allowed by the policy; its log and GET /blocked say why",
    "network unreachable",      "host unreachable",
    "connection refused",       "time to live expired",
    "command not supported",    "address type not supported",
    "a reply that is not known"};
  for (char code = 1; const auto* words : replies)
    CAF_CHECK_EQUAL(ask("\x05\x00\x05"s + code++ + "\x00\x01"s, socks(), "a.test", 443).error,
                    words);
}
