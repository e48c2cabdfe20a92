#define CAF_SUITE protocols.http1_decode_framing
#include "protocols/http1/decode.hpp" // unit under test

#include "tests/protocols/http1_heads.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http1;
using namespace proxy::http1::test;
using namespace std::string_literals;

namespace {

/// Framing faults that a request and a response share, as field lines.
const std::string bad_framing[] = {
  // CL.TE and TE.CL
  "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
  "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
  "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
  // codings other than one chunked
  "Transfer-Encoding: xchunked\r\n",
  "Transfer-Encoding: chunkedx\r\n",
  "Transfer-Encoding: chunked, chunked\r\n",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
  "Transfer-Encoding: identity\r\n",
  "Transfer-Encoding: identity, chunked\r\n",
  "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
  "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
  "Transfer-Encoding: gzip, chunked\r\n",
  "Transfer-Encoding: chunked, gzip\r\n",
  "Transfer-Encoding: chunked;q=1\r\n",
  "Transfer-Encoding: \"chunked\"\r\n",
  "Transfer-Encoding:\r\n",
  "Transfer-Encoding: \x0b"
  "chunked\r\n",
  "Transfer-Encoding: chunked\x0b\r\n",
  "Transfer-Encoding: \x0c"
  "chunked\r\n",
  "Transfer-Encoding: chunked\0\r\n"s,
  "Transfer-Encoding: chun\rked\r\n",
  "Transfer-Encoding: chunked\r\r\n",
  "Transfer-Encoding: \xa0"
  "chunked\r\n",
  // lengths
  "Content-Length: 5\r\nContent-Length: 6\r\n",
  "Content-Length: ,\r\n",
  "Transfer-Encoding: ,\r\n",
  "Transfer-Encoding: , chunked, chunked\r\n",
  "Content-Length: 5,6\r\n",
  "Content-Length: 5,x\r\n",
  "Content-Length: x,5\r\n",
  "Content-Length: +5\r\n",
  "Content-Length: -5\r\n",
  "Content-Length: 0x5\r\n",
  "Content-Length: 5 5\r\n",
  "Content-Length: 5.0\r\n",
  "Content-Length: five\r\n",
  "Content-Length: \"5\"\r\n",
  "Content-Length:\r\n",
  "Content-Length: 9223372036854775808\r\n",
  "Content-Length: 18446744073709551616\r\n",
  "Content-Length: 18446744073709551621\r\n", // 5 modulo 2^64
  "Content-Length: 99999999999999999999999999999999\r\n",
  // line structure
  "Content-Length : 5\r\n",
  "Content-Length\t: 5\r\n",
  "Transfer-Encoding : chunked\r\n",
  "Transfer-Encoding\x0b: chunked\r\n",
  " Transfer-Encoding: chunked\r\n",
  "X: a\r\n Transfer-Encoding: chunked\r\n",
  "X: a\r\n\tb\r\n",
  "X:\r\n b\r\n",
  "X: a\r\n \r\n",
  "X: a\nTransfer-Encoding: chunked\r\n",
  "X: a\rTransfer-Encoding: chunked\r\n",
  "X: a\r\r\nY: b\r\n",
  "X: a\n",
  "X: a\0b\r\n"s,
  "X: a\x7f\r\n",
  "X: a\x01\r\n",
  "X: 12345678901234567890123456789\x1f\r\n", // behind the first eight bytes
  "X: \x1b"
  "2345678\r\n",
  "X\0: a\r\n"s,
  "X: a\x1b[2J\r\n",
  ": a\r\n",
  "X\r\n",
  "X Y: a\r\n",
  "X(: a\r\n",
  "X\xc3\xbc: a\r\n",
  "X[]: a\r\n",
  "\"X\": a\r\n",
};

} // namespace

CAF_TEST(faulty framing of a request is malformed) {
  for (auto& lines : bad_framing) {
    CAF_MESSAGE(lines);
    CAF_CHECK_EQUAL(outcome_of_request(with(lines)), errc::malformed);
    CAF_CHECK_EQUAL(outcome_of_request(with("A: b\r\n" + lines + "C: d\r\n")), errc::malformed);
  }
}

CAF_TEST(faulty framing of a response is a bad response) {
  for (auto& lines : bad_framing) {
    CAF_MESSAGE(lines);
    CAF_CHECK_EQUAL(outcome_of_response(response_with(lines)), errc::bad_response);
  }
}

CAF_TEST(what can be read in one way alone is forgiven responses and not requests) {
  struct row {
    std::string_view lines;
    framing body;
    uint64_t length;
  };
  for (auto& [lines, body, length] : std::initializer_list<row>{
         {"Transfer-Encoding: , chunked\r\n", framing::chunked, 0},
         {"Transfer-Encoding: chunked,\r\n", framing::chunked, 0},
         {"Transfer-Encoding: ,\t, Chunked ,,\r\n", framing::chunked, 0},
         {"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", framing::chunked, 0},
         {"Content-Length: 5, 5\r\n", framing::length, 5},
         {"Content-Length: 5,5, 05\r\n", framing::length, 5},
         {"Content-Length: 5, 5\r\nContent-Length: 5\r\n", framing::length, 5},
       }) {
    CAF_MESSAGE(lines);
    response out;
    auto head = response_with(lines);
    CAF_REQUIRE(!decode_response(head, {}, false, false, out));
    CAF_CHECK(out.body == body);
    CAF_CHECK_EQUAL(out.content_length, length);
    CAF_CHECK_EQUAL(outcome_of_request(with(lines)), errc::malformed);
  }
}

CAF_TEST(the fields of a request say how its body ends) {
  struct row {
    std::string_view lines;
    framing body;
    uint64_t length;
  };
  for (auto& [lines, body, length] : std::initializer_list<row>{
         {"", framing::none, 0},
         {"Content-Length: 0\r\n", framing::length, 0},
         {"content-length:42\r\n", framing::length, 42},
         {"Content-Length:  042 \r\n", framing::length, 42},
         {"Content-Length: 7\r\nContent-Length: 7\r\n", framing::length, 7},
         {"Content-Length: 9223372036854775807\r\n", framing::length, 9223372036854775807u},
         {"Transfer-Encoding: chunked\r\n", framing::chunked, 0},
         {"TRANSFER-ENCODING: ChunKed\r\n", framing::chunked, 0},
         {"Transfer-Encoding:\tchunked \r\n", framing::chunked,
          0}, // tabs are whitespace here (RFC 9110 §5.6.3)
       }) {
    CAF_MESSAGE(lines);
    request out;
    auto head = with(lines);
    CAF_REQUIRE(!decode_request(head, {}, out));
    CAF_CHECK(out.body == body);
    CAF_CHECK_EQUAL(out.content_length, length);
  }
}

CAF_TEST(HTTP / 1.0 knows no transfer coding) {
  CAF_CHECK_EQUAL(outcome_of_request(with("Transfer-Encoding: chunked\r\n", "1.0")),
                  errc::malformed);
  CAF_CHECK_EQUAL(
    outcome_of_response(response_with("Transfer-Encoding: chunked\r\n", "HTTP/1.0 200 OK")),
    errc::bad_response);
}
