#define CAF_SUITE protocols.http1_body_cursor
#include "protocols/http1/body_cursor.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http1;

namespace {

/// What became of a body that was taken from a stream of bytes.
struct result {
  bool whole = false;
  uint64_t size = 0; ///< As it stands in the stream.
  std::string data;
  std::string behind; ///< What followed it in the stream.

  friend bool operator==(const result&, const result&) = default;
};

/// Takes a body from `in`, which comes in pieces of `piece` bytes.
result take(framing how, uint64_t length, std::string_view in, size_t piece) {
  body_cursor body{how, length};
  result out;
  while (!body.done() && !in.empty()) {
    auto part = in.substr(0, piece);
    auto taken = body.take(part, &out.data);
    if (!taken) {
      CAF_CHECK_EQUAL(code_of(taken.error()), errc::malformed);
      return out;
    }
    CAF_CHECK(*taken == part.size() || body.done());
    in.remove_prefix(*taken);
  }
  out.whole = body.done();
  out.size = body.taken();
  out.behind = in;
  return out;
}

} // namespace

CAF_TEST(a body ends where its framing says and in whatever pieces it comes) {
  struct row {
    framing how;
    uint64_t length;
    std::string_view in;
    result expected;
  };
  for (const auto& [how, length, in, expected] : {
         row{framing::none, 0, "GET", {true, 0, "", "GET"}},
         {framing::none, 7, "GET", {true, 0, "", "GET"}},
         {framing::length, 0, "GET", {true, 0, "", "GET"}},
         {framing::length, 5, "helloGET", {true, 5, "hello", "GET"}},
         {framing::length, 5, "hello", {true, 5, "hello", ""}},
         {framing::length, 6, "hello", {false, 5, "hello", ""}},
         {framing::chunked, 0, "0\r\n\r\nGET", {true, 5, "", "GET"}},
         {framing::chunked, 3, "5\r\nhello\r\n0\r\n\r\nGET", {true, 15, "hello", "GET"}},
         {framing::chunked,
          0,
          "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\nGET",
          {true, 35, "hello!", "GET"}},
         {framing::chunked, 0, "5\r\nhel", {false, 6, "hel", ""}},
       })
    for (size_t piece : {size_t{1}, size_t{2}, size_t{7}, in.size() + 1})
      CAF_CHECK_EQUAL(take(how, length, in, piece), expected);
}

CAF_TEST(broken chunks are an error) {
  for (std::string_view in : {"x\r\n", "5\r\nhelloX", "1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n"})
    for (size_t piece : {size_t{1}, in.size()})
      CAF_CHECK(!take(framing::chunked, 0, in, piece).whole);
}

CAF_TEST(data is left out where nobody wants it) {
  body_cursor body{framing::chunked, 0};
  CAF_CHECK_EQUAL(unbox(body.take("5\r\nhello\r\n0\r\n\r\nGET")), 15u);
  CAF_CHECK(body.done());
  CAF_CHECK_EQUAL(body.taken(), 15u);
  body_cursor sized{framing::length, 5};
  CAF_CHECK_EQUAL(unbox(sized.take("helloGET")), 5u);
  CAF_CHECK(sized.done());
}
