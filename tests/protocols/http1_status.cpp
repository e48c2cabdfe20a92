#define CAF_SUITE protocols.http1_status
#include "protocols/http1/decode.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http1;
using namespace std::string_literals;

namespace {

std::string response_with(std::string_view lines, std::string_view start = "HTTP/1.1 200 OK") {
  return std::string{start} + "\r\n" + std::string{lines} + "\r\n";
}

} // namespace

CAF_TEST(a status line has a version and three digits) {
  struct row {
    std::string line;
    int status; ///< 0: refused.
    std::string_view reason;
  };
  for (auto& [line, status, reason] : std::initializer_list<row>{
         {"HTTP/1.1 200 OK", 200, "OK"},
         {"HTTP/1.0 404 Not Found", 404, "Not Found"},
         {"HTTP/1.1 200 ", 200, ""},
         {"HTTP/1.1 200", 200, ""}, // common, and harmless
         {"HTTP/1.1 999 \xc3\xa9\tx", 999, "\xc3\xa9\tx"},
         {"HTTP/1.1 099 x", 0, ""},
         {"HTTP/1.1 20 x", 0, ""},
         {"HTTP/1.1 20", 0, ""},
         {"HTTP/1.1 2000 x", 0, ""},
         {"HTTP/1.1 2x0 x", 0, ""},
         {"HTTP/1.1 -20 x", 0, ""},
         {"HTTP/1.1  200 OK", 0, ""},
         {"HTTP/1.1 200\tOK", 0, ""},
         {"HTTP/1.1 200 a\0b"s, 0, ""},
         {"HTTP/1.1 200 a\rb", 0, ""},
         {"HTTP/1.1", 0, ""},
         {"HTTP/1.1 ", 0, ""},
         {"HTTP/2 200 OK", 0, ""},
         {"HTTP/1.2 200 OK", 0, ""},
         {"http/1.1 200 OK", 0, ""},
         {"ICY 200 OK", 0, ""},
         {"", 0, ""},
       }) {
    CAF_MESSAGE(line);
    response out;
    auto head = response_with("", line);
    auto err = decode_response(head, {}, false, false, out);
    CAF_CHECK_EQUAL(err ? code_of(err) : errc{}, status == 0 ? errc::bad_response : errc{});
    if (!err) {
      CAF_CHECK_EQUAL(out.status, status);
      CAF_CHECK_EQUAL(out.reason, std::string{reason});
    }
  }
}

CAF_TEST(status and request method decide about the body of a response before its fields) {
  struct row {
    std::string_view start, lines;
    bool to_head, to_connect;
    framing body;
    bool keep_alive;
  };
  constexpr std::string_view ok = "HTTP/1.1 200 OK", length = "Content-Length: 3\r\n",
                             chunked = "Transfer-Encoding: chunked\r\n";
  for (auto& [start, lines, to_head, to_connect, body, keep_alive] : std::initializer_list<row>{
         {ok, length, false, false, framing::length, true},
         {ok, chunked, false, false, framing::chunked, true},
         {ok, "", false, false, framing::until_close, false},
         {ok, "Connection: keep-alive\r\n", false, false, framing::until_close, false},
         {ok, length, true, false, framing::none, true},
         {ok, chunked, true, false, framing::none, true},
         {ok, "", true, false, framing::none, true},
         {ok, length, false, true, framing::none, true},
         {ok, "", false, true, framing::none, true},
         {"HTTP/1.1 403 No", length, false, true, framing::length, true},
         {"HTTP/1.1 407 No", "", false, true, framing::until_close, false},
         {"HTTP/1.1 299 Fine", length, false, true, framing::none, true},
         {"HTTP/1.1 300 Many", length, false, true, framing::length, true},
         {"HTTP/1.1 199 Wait", length, false, false, framing::none, true},
         {"HTTP/1.1 100 Continue", "", false, false, framing::none, true},
         {"HTTP/1.1 101 Switching", "", false, false, framing::none, true},
         {"HTTP/1.1 103 Hints", length, false, false, framing::none, true},
         {"HTTP/1.1 204 No", length, false, false, framing::none, true},
         {"HTTP/1.1 304 No", length, false, false, framing::none, true},
         {"HTTP/1.1 205 Reset", "", false, false, framing::until_close, false},
         {"HTTP/1.1 204 No", "Connection: close\r\n", false, false, framing::none, false},
         {"HTTP/1.0 200 OK", length, false, false, framing::length, false},
         {"HTTP/1.0 200 OK", "Connection: keep-alive\r\nContent-Length: 3\r\n", false, false,
          framing::length, true},
       }) {
    CAF_MESSAGE(start << " | " << lines << (to_head ? " to HEAD" : "")
                      << (to_connect ? " to CONNECT" : ""));
    response out;
    CAF_REQUIRE(!decode_response(response_with(lines, start), {}, to_head, to_connect, out));
    CAF_CHECK(out.body == body);
    CAF_CHECK_EQUAL(out.keep_alive, keep_alive);
  }
}
