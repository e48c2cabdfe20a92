#define CAF_SUITE protocols.http1_head_end
#include "protocols/http1/decode.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http1;
using namespace std::string_literals;

namespace {

/// What became of a request head: `errc{}` when it decoded.
errc outcome_of_request(std::string_view head, const head_limits& limits = {}) {
  request out;
  auto err = decode_request(head, limits, out);
  return err ? code_of(err) : errc{};
}

} // namespace

CAF_TEST(the end of a head is found whole and byte by byte and with bytes to spare) {
  struct row {
    std::string in;
    size_t end; ///< 0: not there yet.
  };
  for (auto& [in, end] : std::initializer_list<row>{
         {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27},
         {"GET / HTTP/1.1\r\n\r\n", 18},
         {"\r\nGET / HTTP/1.1\r\n\r\n", 20},
         {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", 22}, // the empty lines before it are not its end
         {"GET / HTTP/1.1\n\n", 16},             // ends, for the decoder to refuse at once
         {"GET / HTTP/1.1\n\r\n", 17},
         {"GET / HTTP/1.1\r\n\n", 17},
         {"X\n\n", 3},
         {"GET / HTTP/1.1\r\n \r\n", 0},
         {"GET / HTTP/1.1\r\n\r", 0},
         {"GET / HTTP/1.1\r\n", 0},
         {"\r\n\r\n", 0},
         {"\r\n\r\n\r\n\r\n", 0},
         {"", 0},
       }) {
    CAF_MESSAGE(in);
    auto expected = end == 0 ? std::nullopt : std::optional{end};
    CAF_CHECK(find_head_end(in) == expected);
    if (end > 0)
      CAF_CHECK(find_head_end(in + "GET / HTTP/1.1\r\n\r\n") == expected);
    std::optional<size_t> found;
    for (size_t size = 1; size <= in.size() && !found; ++size) {
      found = find_head_end(std::string_view{in}.substr(0, size), size - 1);
      CAF_CHECK(!found || size == in.size());
    }
    CAF_CHECK(found == expected);
  }
}

CAF_TEST(empty lines without end are given to the decoder which refuses them) {
  auto in = "\r\n\r\n\r\n\r\n\r\n"s;
  auto end = find_head_end(in);
  CAF_REQUIRE(end.has_value());
  CAF_CHECK_EQUAL(outcome_of_request(in.substr(0, *end)), errc::malformed);
}

CAF_TEST(another protocol is told by its first bytes) {
  for (auto in : {"", "G", "GET", "GET ", "GET / HTTP/1.1\r\n", "\r\n", "\r\nGET /", "x-custom /",
                  "PRI * HTTP/2.0", "\r\n\r\n\r\n\r\n", "\r\n\r\n\r\n\r\nGET /"}) {
    CAF_MESSAGE(in);
    CAF_CHECK(may_be_request(in));
  }
  for (auto& in : {"\x16\x03\x01"s, "\x05\x01\0"s, "\0"s, " GET"s, "GET\t/"s, "GET\r\n"s, "\x80"s,
                   "{\"a\""s, "\r\n\r\n\r\n\r\n\r\n"s, "G\xc3\xa9"s, ":"s}) {
    CAF_MESSAGE(in);
    CAF_CHECK(!may_be_request(in));
  }
}
