#define CAF_SUITE protocols.first_bytes
#include "protocols/first_bytes.hpp" // unit under test

#include <initializer_list>
#include <string>
#include <utility>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::string_literals;

namespace {

std::string_view name(first_bytes what) {
  switch (what) {
    case first_bytes::undecided: return "undecided";
    case first_bytes::tls: return "tls";
    case first_bytes::http: return "http";
    case first_bytes::wrapped: return "wrapped";
    case first_bytes::other: return "other";
  }
  return "?";
}

std::string_view tell(std::string_view in, bool over = false) {
  return name(tell_first_bytes(in, over));
}

using rows = std::initializer_list<std::pair<std::string, std::string_view>>;

} // namespace

CAF_TEST(what comes near TLS is TLS) {
  for (auto& [in, what] : rows{
         {"\x16"s, "tls"},
         {"\x16\x03\x01"s, "tls"},
         {"\x16\x03\x01\xff\xff\x01"s, "tls"}, // too long a record
         {"\x16\x03\x01\0\x04\x02\0\0\0"s, "tls"},
         {"\x16GET / HTTP/1.1\r\n"s, "tls"},
         {"\x16\xfe\xfd"s, "tls"},
         {"\x14\x03\x03\0\x01\x01"s, "tls"}, // OpenSSL skips one before the hello
         {"\x15\x03\x01\0\x02\x01\0"s, "tls"},
         {"\x17\x03\x03"s, "tls"},
         {"\x18\x03\x03"s, "tls"},
         {"\x14"s, "undecided"},
         {"\x15\x02"s, "other"},
         {"\x13\x03"s, "other"},
         {"\x19\x03"s, "other"},
         {"\x80\x2e\x01\x03\x01\0\x15"s, "tls"}, // the form of SSL 2
         {"\x80\x2e\x01\0\x02"s, "tls"},
         {"\x80"s, "undecided"},
         {"\x80\x2e"s, "undecided"},
         {"\x80\x2e\x01"s, "undecided"},
         {"\x80\x2e\x01\x04"s, "other"},
         {"\x80\x2e\x02\x03"s, "other"},
         {"\x80\x2e\x02"s, "other"},
         {"\x80\x09\x01\x03"s, "tls"}, // the shortest
         {"\x80\x08"s, "other"},       // shorter than any
         {"\x80\x08\x01\x03"s, "other"},
         {"\xc0"s, "undecided"},
         {"\xc0\0\x01\x03"s, "tls"}, // the longest
         {"\xc0\x01\x01\x03"s, "other"},
         {"\x80\x01\0\x01"s, "other"}, // Thrift
         {"\xff\xfd\x01"s, "other"},   // telnet
         {"\xc1"s, "other"},
       }) {
    CAF_MESSAGE(in);
    CAF_CHECK_EQUAL(tell(in), what);
  }
}

CAF_TEST(what some server takes for HTTP is HTTP) {
  for (auto& [in, what] : rows{
         {"GET / HTTP/1.1\r\n"s, "http"},
         {"GET /"s, "http"}, // the rest of the line is not waited for
         {"GET"s, "undecided"},
         {"GET "s, "undecided"},
         {"GET x"s, "undecided"},
         {"GET x HTTP/"s, "http"},
         {"GET http://a.test/ HTTP/1.1\r\n"s, "http"},
         {"GET /\r\n"s, "http"}, // HTTP/0.9
         {"POST /x\r\n"s, "http"},
         {"\r\n\r\nGET / HTTP/1.1\r\n"s, "http"},
         {"\r\n \t\nGET / HTTP/1.1\r\n"s, "http"},
         {" GET / HTTP/1.1\r\n"s, "http"},
         {"GET\t/\tHTTP/1.1\r\n"s, "http"},
         {"GET\x0b/\x0cHTTP/1.1\r\n"s, "http"},
         {"get / http/1.1\r\n"s, "http"},
         {"GET  /x  HTTP/1.1\r\n"s, "http"},
         {"GET /\x01 HTTP/1.1\r\n"s, "http"},
         {"GET x\x01"s, "undecided"},
         {"GET x\x01 hTTp/1.1\r\n"s, "http"},
         {"WHATEVER-IT-IS / HTTP/1.1\r\n"s, "http"},
         {"WHATEVER-IT-IS / HTTP/1.1\rHost: x\r\r"s, "http"}, // bare CR
         {"FOO caf\xc3\xa9 HTTP/9.9 and more\n"s, "http"},
         {"GET * RTSP/1.0\r\n"s, "http"}, // Node's server takes these
         {"GET HTTP://a.test/ RTSP/1.0\r\n"s, "http"},
         {"DESCRIBE / RTSP/1.0\r\n"s, "http"},
         {"SOURCE / ICE/1.0\r\n"s, "http"},
         {"OPTIONS rtsp://a.test/ RTSP/1.0\r\n"s, "http"},
         {"AB /x Z\r\n"s, "http"}, // Java's server takes these
         {"get /key\r\n"s, "http"},
         {"\x01GET / HTTP/1.1\r\n"s, "http"},
         {"/GET / HTTP/1.1\r\n"s, "http"},
         {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s, "http"},
         {"CONNECT a.test:443 HTTP/1.1\r\n"s, "http"},
         {"HTTP/1.1 200 OK\r\n"s, "http"},
         {"FOO azAZ09+-.://x\r\n"s, "http"}, // any scheme
         {std::string(max_undecided_bytes - 1, 'a'), "undecided"},
         {std::string(max_undecided_bytes, 'a'), "http"},
         {std::string(max_undecided_bytes, '\n'), "http"},
       }) {
    CAF_MESSAGE(in.substr(0, 60));
    CAF_CHECK_EQUAL(tell(in), what);
  }
}

CAF_TEST(other protocols are known at once or by the end of their first line) {
  for (auto& [in, what] : rows{
         {"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"s, "other"},
         {"SSH-2.0-OpenSSH"s, "undecided"},
         {"EHLO a.test\r\n"s, "other"},
         {"NICK a\r\nUSER a HTTP/1.1 x :y\r\n"s, "other"},
         {"CONNECT {\"verbose\":false}\r\n"s, "other"}, // NATS
         {"CONNECT\naccept-version:1.2\n"s, "other"},   // STOMP
         {"INVITE sip:a@a.test SIP/2.0\r\n"s, "other"},
         {"get key\r\n"s, "other"}, // memcached
         {"*1\r\n$4\r\nPING\r\n"s, "other"},
         {"{\"id\":1}"s, "other"},
         {"<?xml"s, "other"},
         {"@RSYNCD: 31.0\n"s, "other"},
         {"RFB 003.008\n"s, "other"},
         {"AMQP\0\0\x09\x01"s, "other"},
         {"0032git-upload-pack /a.git\0host=a.test\0"s, "other"},
         {"0032git-upload-pack /a.git"s, "undecided"},
         {"FOO *\r\n"s, "other"},
         {"GET ://x\r\n"s, "other"}, // no scheme
         {"GET a b://x\r\n"s, "other"},
         {"GET a!://x\r\n"s, "other"},
         {"GET a_://x\r\n"s, "other"},
         {"GET a{://x\r\n"s, "other"},
         {"GET a:://x\r\n"s, "other"},
         {"GET x HTTP\x0f\r\n"s, "other"}, // a slash but for one bit
         {"\x01GET"s, "other"},
         {"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0"s, "other"}, // LDAP
         {"\x3a\0\0\0"s, "other"},                                           // MongoDB
         {"\xb0\0\0\x01"s, "other"},                                         // MySQL
         {"\0\0\0\x08\x04\xd2\x16\x2f"s, "other"},                           // PostgreSQL
         {"\x10\x0f\0\x04MQTT"s, "other"},
         {"\x05\x01\0"s, "other"},
         {"\x13"
          "BitTorrent protocol"s,
          "other"},
         {"l\0\x0b\0"s, "other"}, // X11
         {"G\"T / HTTP/1.1\r\n"s, "other"},
         {"A\0 / HTTP/1.1\r\n"s, "other"},
         {"hello"s, "undecided"},
         {"plain words\r\n\r\n"s, "other"},
       }) {
    CAF_MESSAGE(in);
    CAF_CHECK_EQUAL(tell(in), what);
  }
}

CAF_TEST(a blank behind a method is whatever some server takes for one) {
  // RFC 9112 §3, and what Python's split() takes besides.
  std::string blanks = " \t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0";
  for (int c = 0; c < 256; ++c) {
    CAF_MESSAGE(c);
    auto is_blank = blanks.find(static_cast<char>(c)) != std::string::npos;
    CAF_CHECK_EQUAL(tell("BAR"s + static_cast<char>(c) + "/x") == "http", is_blank);
  }
}

CAF_TEST(a preface of the PROXY protocol hides what follows) {
  for (auto& [in, what] : rows{
         {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"s, "wrapped"},
         {"PROXY "s, "wrapped"},
         {"PROXY"s, "undecided"},
         {"PROXY\r\n"s, "wrapped"},
         {"PROXY\n"s, "other"},
         {"\r\n\r\n\0\r\nQUIT\n\x21"s, "wrapped"},
         {"\r\n\r\n\0\r\nQUI"s, "undecided"},
         {"\r\n\r\n"s, "undecided"},
         {"\r\n\r\n\0x"s, "other"},
       }) {
    CAF_MESSAGE(in);
    CAF_CHECK_EQUAL(tell(in), what);
  }
}

CAF_TEST(the end of the stream decides what was undecided) {
  for (auto& [in, what] : rows{
         {""s, "other"},
         {"\r\n"s, "other"},
         {"\x80"s, "other"},
         {"\x14"s, "other"},
         {"\x16"s, "tls"},
         {"hello"s, "other"},
         {"GET"s, "other"},
         {"GET x"s, "other"},
         {"GET /"s, "http"},
         {"FOO / HTTP/1"s, "http"},
       }) {
    CAF_MESSAGE(in);
    CAF_CHECK_EQUAL(tell(in, true), what);
  }
  CAF_CHECK_EQUAL(tell(""), "undecided");
}

CAF_TEST(what has been decided stays so whatever follows) {
  for (auto& in : std::initializer_list<std::string>{
         "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"s, "\r\n\r\n GET\t/x HTTP/1.1\r\n\r\n"s,
         "\x80\x2e\x01\x03\x01\0\x15\0\0"s, "\x14\x03\x03\0\x01\x01\x16\x03\x01"s,
         "SSH-2.0-x\r\nGET / HTTP/1.1\r\n\r\n"s, "\r\n\r\n\0\r\nQUIT\n\x21"s,
         "PROXY TCP4\r\n\x16\x03\x01"s, "\x30\x0c\x02\x01\x01\x60 HTTP/1.1\r\n"s}) {
    std::string_view settled = "undecided";
    for (size_t size = 1; size <= in.size(); ++size) {
      auto what = tell(std::string_view{in}.substr(0, size));
      if (settled != "undecided")
        CAF_CHECK_EQUAL(what, settled);
      settled = what;
    }
    CAF_MESSAGE(in << ": " << settled);
    CAF_CHECK(settled != "undecided");
  }
}
