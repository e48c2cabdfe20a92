#define CAF_SUITE protocols.http1_chunked
#include "protocols/http1/chunked.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http1;
using namespace std::string_literals;

namespace {

/// What following a body came to.
struct result {
  errc code{};
  size_t size = 0; ///< Bytes that belong to the body.
  bool done = false;

  friend bool operator==(const result&, const result&) = default;
};

/// Follows `in`, given in pieces of `piece` bytes.
result follow(std::string_view in, size_t piece, size_t max_trailer = 1024,
              chunk_rules rules = chunk_rules::strict) {
  chunked_decoder decoder{max_trailer, rules};
  result all;
  while (!in.empty() && !decoder.done()) {
    auto part = in.substr(0, piece);
    auto taken = decoder.consume(part);
    if (!taken) {
      all.code = code_of(taken.error());
      return all;
    }
    CAF_CHECK(*taken == part.size() || decoder.done());
    all.size += *taken;
    in.remove_prefix(*taken);
  }
  all.done = decoder.done();
  return all;
}

std::string repeat(char c, size_t times) { return std::string(times, c); }

} // namespace

CAF_TEST(a body is followed whole and byte by byte and with bytes to spare) {
  for (auto& body : {
         "0\r\n\r\n"s,
         "5\r\nhello\r\n0\r\n\r\n"s,
         "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"s,
         "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"s,
         "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n"s,
         "4\r\n\r\n\r\n\r\n0\r\n\r\n"s, // data that looks like an end
         "5;a=b\r\nhello\r\n0;x\r\n\r\n"s,
         "5 ;a=b\r\nhello\r\n0\t ;x\r\n\r\n"s, // blanks of the extension (RFC 9112 §7.1.1)
         "5;a=\"b;\\\"c\" ; d\t\r\nhello\r\n0\r\n\r\n"s,
         "1;" + repeat('x', 1024) + "\r\na\r\n1;" + repeat('x', 1024) + "\r\na\r\n0\r\n\r\n",
         "0\r\nX-Sum: 1\r\n\r\n"s,
         "2\r\nab\r\n0\r\nA:b\r\nC: d e\t\r\n\r\n"s,
         "1f\r\n" + repeat('x', 31) + "\r\n0\r\n\r\n",
       }) {
    CAF_MESSAGE(body);
    auto whole = result{errc{}, body.size(), true};
    CAF_CHECK(follow(body, body.size()) == whole);
    CAF_CHECK(follow(body, 1) == whole);
    CAF_CHECK(follow(body, 3) == whole);
    CAF_CHECK(follow(body + "GET / HTTP/1.1\r\n", 1000'000) == whole);
    CAF_CHECK(follow(body + "0\r\n\r\n", 1) == whole);
    // No shorter prefix ends the body.
    for (size_t size = 0; size < body.size(); ++size)
      CAF_CHECK(follow(body.substr(0, size), body.size()) == (result{errc{}, size, false}));
  }
}

CAF_TEST(what another parser might read differently is malformed) {
  for (auto& body : {
         // sizes
         "\r\n"s,
         ";\r\n"s,
         "x\r\n"s,
         "-5\r\nhello"s,
         "+5\r\nhello"s,
         "0x5\r\nhello"s,
         "0X5\r\nhello"s,
         "5x\r\n"s,
         " 5\r\nhello"s,
         "\t5\r\n"s,
         "5 \r\nhello"s,
         "5\t\r\nhello"s,
         "5 a\r\nhello"s,
         "5 5\r\nhello"s,
         "5 ;a\nhello"s,
         "5" + repeat(' ', 1025) + ";a\r\n",
         "5\x0b\r\n"s,
         "5\0\r\n"s,
         "5_0\r\n"s,
         "5.\r\n"s,
         "\"5\"\r\n"s,
         "5,5\r\n"s,
         "\xff\r\n"s,
         "\r\n5\r\nhello\r\n"s,
         "10000000000000005\r\n"s,
         "00000000000000005\r\nhello\r\n"s,
         "ffffffffffffffff\r\n"s,
         "8000000000000000\r\n"s,
         // line ends
         "5\nhello\r\n"s,
         "5\rhello\r\n"s,
         "5\r\r\n"s,
         "5\n\r\n"s,
         "5\r\nhello\n0\r\n\r\n"s,
         "5\r\nhello\r0\r\n\r\n"s,
         "5\r\nhello0\r\n\r\n"s,
         "5\r\nhello \r\n0\r\n\r\n"s,
         "5\r\nhello\r\n\r\n"s,
         "0\n\r\n"s,
         "0\r\n\n"s,
         "0\r\n\rX"s,
         "0\r\nA: b\n\r\n"s,
         "0\r\nA: b\r\n\n"s,
         "0\r\nA: b\r\r\n\r\n"s,
         // extensions
         "5;a\nhello\r\n0\r\n\r\n"s,
         "5;a\n\r\nhello"s,
         "5;\n"s,
         "5;a\rb\r\nhello"s,
         "5;a\0b\r\n"s,
         "5;a\x7f\r\n"s,
         "5;\x01\r\n"s,
         "5;a=\"\n\"\r\n"s,
         "5;" + repeat('x', 1025) + "\r\n",
         // trailers
         "0\r\nA\r\n\r\n"s,
         "0\r\nA : b\r\n\r\n"s,
         "0\r\n A: b\r\n\r\n"s,
         "0\r\nA: b\r\n c\r\n\r\n"s,
         "0\r\n: b\r\n\r\n"s,
         "0\r\nA: \0\r\n\r\n"s,
         "0\r\nGET / HTTP/1.1\r\n\r\n"s,
         "0\r\nContent-Length: 5\r\n\r\n"s,
         "0\r\ntransfer-encoding: chunked\r\n\r\n"s,
         "0\r\nX: y\r\nHOST: evil\r\n\r\n"s,
         "0\r\nConnection: close\r\n\r\n"s,
         "0\r\nTrailer: x\r\n\r\n"s,
         "0\r\nAuthorization: x\r\n\r\n"s,
         "0\r\nSet-Cookie: x\r\n\r\n"s,
         "0\r\nContent-Type: x\r\n\r\n"s,
         "0\r\nProxy-Authorization: x\r\n\r\n"s,
         "0\r\nUpgrade: x\r\n\r\n"s,
       }) {
    CAF_MESSAGE(body.substr(0, 60));
    CAF_CHECK_EQUAL(follow(body, body.size()).code, errc::malformed);
    CAF_CHECK_EQUAL(follow(body, 1).code, errc::malformed);
  }
}

CAF_TEST(a wrong byte is refused at once) {
  struct row {
    std::string_view prefix;
    char wrong;
  };
  for (auto [prefix, wrong] : std::initializer_list<row>{
         {"", 'g'},
         {"5 ", '\r'},
         {"5 ", '5'},
         {"5;a", '\n'},
         {"5\r", 'h'},
         {"1\r\na", '\n'},
         {"1\r\na\r", '0'},
         {"0\r\nA", '\n'},
         {"0\r\nA: b\r", 'c'},
         {"0\r\n\r", 'c'},
       }) {
    CAF_MESSAGE(prefix);
    CAF_CHECK_EQUAL(follow(prefix, prefix.size() + 1).code, errc{});
    CAF_CHECK_EQUAL(follow(std::string{prefix} + wrong, prefix.size() + 1).code, errc::malformed);
  }
}

CAF_TEST(the largest size is a positive number of signed 64 bits) {
  chunked_decoder decoder;
  CAF_CHECK_EQUAL(unbox(decoder.consume("7fffffffffffffff\r\n")), 18u);
  CAF_CHECK_EQUAL(decoder.pending_data(), 0x7fffffffffffffffu);
}

CAF_TEST(the trailer section is limited as a whole) {
  auto body = "0\r\n" + repeat('a', 40) + ": b\r\n" + repeat('a', 40) + ": b\r\n\r\n";
  for (size_t piece : {size_t{1}, body.size()}) {
    CAF_CHECK(follow(body, piece, 86).done);
    CAF_CHECK_EQUAL(follow(body, piece, 85).code, errc::malformed);
  }
}

CAF_TEST(of a response blanks and zeros around a size are borne) {
  for (auto& body : {
         "5  \r\nhello\r\n0   \r\n\r\n"s,
         "5\t\r\nhello\r\n0\r\n\r\n"s,
         "5 ; a = \"b;c\"\r\nhello\r\n0\r\n\r\n"s,
         "00000000000000000005\r\nhello\r\n00000000000000000000\r\n\r\n"s,
         repeat('0', 255) + "5\r\nhello\r\n0\r\n\r\n",
         "5" + repeat(' ', 1024) + "\r\nhello\r\n0\r\n\r\n",
       }) {
    CAF_MESSAGE(body);
    auto whole = result{errc{}, body.size(), true};
    for (size_t piece : {size_t{1}, size_t{3}, body.size()}) {
      CAF_CHECK(follow(body, piece, 1024, chunk_rules::lenient) == whole);
      CAF_CHECK(follow(body + "x", piece, 1024, chunk_rules::lenient) == whole);
    }
  }
  for (auto& body : {" 5\r\nhello"s, "5 5\r\n"s, "5 \n"s, "0x5\r\n"s, "\r\n"s, " \r\n"s,
                     repeat('0', 256) + "5\r\n", "5" + repeat(' ', 1025) + "\r\n",
                     "00008000000000000000\r\n"s}) {
    CAF_MESSAGE(body);
    CAF_CHECK_EQUAL(follow(body, 1, 1024, chunk_rules::lenient).code, errc::malformed);
  }
}

CAF_TEST(of a response trailers lose what belongs into a head) {
  auto body = "0\r\nX-A: 1\r\nContent-Length: 5\r\ntransfer-encoding: chunked\r\nHost: evil\r\n"
              "X-B: 2\r\nSet-Cookie: a=b\r\n\r\n"s;
  for (size_t piece : {size_t{1}, size_t{7}, body.size()}) {
    chunked_decoder decoder{chunk_rules::lenient};
    for (std::string_view left = body; !left.empty();) {
      auto part = left.substr(0, piece);
      CAF_REQUIRE_EQUAL(unbox(decoder.consume(part)), part.size());
      left.remove_prefix(part.size());
    }
    CAF_CHECK(decoder.done());
    CAF_CHECK_EQUAL(std::string{decoder.trailers()}, "X-A: 1\r\nX-B: 2\r\n"s);
    CAF_CHECK_EQUAL(decoder.trailer_size(), body.size() - 3);
  }
  CAF_CHECK_EQUAL(follow("0\r\nX : y\r\n\r\n", 1, 1024, chunk_rules::lenient).code,
                  errc::malformed);
}

CAF_TEST(a relay may move data without showing it) {
  chunked_decoder decoder;
  CAF_CHECK_EQUAL(decoder.pending_data(), 0u);
  CAF_CHECK_EQUAL(unbox(decoder.consume("a\r\nabc")), 6u);
  CAF_CHECK_EQUAL(decoder.pending_data(), 7u);
  decoder.skip(3);
  CAF_CHECK_EQUAL(decoder.pending_data(), 4u);
  decoder.skip(4);
  CAF_CHECK_EQUAL(decoder.pending_data(), 0u);
  CAF_CHECK(!decoder.done());
  CAF_CHECK_EQUAL(unbox(decoder.consume("\r\n0\r\n\r\nrest")), 7u);
  CAF_CHECK(decoder.done());
  CAF_CHECK_EQUAL(unbox(decoder.consume("rest")), 0u);
  CAF_CHECK_EQUAL(decoder.data_size(), 10u);
}

CAF_TEST(an error tells what and where) {
  chunked_decoder decoder;
  auto taken = decoder.consume("1\r\nab");
  CAF_REQUIRE(!taken);
  CAF_CHECK_EQUAL(context_of(taken.error()), "bad chunk line end at byte 4"s);
}
