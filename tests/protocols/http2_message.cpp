#define CAF_SUITE protocols.http2.message

#include "protocols/http2/incoming.hpp" // units under test
#include "protocols/http2/outgoing.hpp"

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http2;

namespace {

std::string drain(outgoing_message& m) {
  std::string out(m.pending(), '\0');
  auto size = m.take({reinterpret_cast<unsigned char*>(out.data()), out.size()});
  CAF_CHECK_EQUAL(size, out.size());
  return out;
}

std::string read_all(incoming_message& m, size_t piece) {
  std::string out, buffer(piece, '\0');
  while (auto size = m.read(buffer))
    out.append(buffer, 0, size);
  return out;
}

constexpr std::string_view head = "HTTP/1.1 200 OK\r\nx: y\r\n\r\n";

} // namespace

CAF_TEST(a message in pieces of any size is taken apart alike) {
  auto text = std::string{head} + "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nt: u\r\n\r\n";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    outgoing_message m{1000};
    std::string data, seen_head;
    for (std::string_view rest{text}; !rest.empty();) {
      auto taken = m.write(rest.substr(0, piece));
      CAF_REQUIRE(taken.has_value());
      rest.remove_prefix(*taken);
      if (m.has_head()) {
        seen_head = m.head();
        m.begin_body(http1::framing::chunked, 0);
      }
      data += drain(m);
    }
    CAF_CHECK_EQUAL(seen_head, head);
    CAF_CHECK_EQUAL(data, "abcdefg");
    CAF_CHECK_EQUAL(m.trailers(), "t: u\r\n");
    CAF_CHECK(m.finished());
  }
}

CAF_TEST(an interim head is followed by another) {
  outgoing_message m{1000};
  auto both = "HTTP/1.1 103 \r\n\r\n" + std::string{head};
  auto first = m.write(both);
  CAF_REQUIRE(first && m.has_head());
  CAF_CHECK_EQUAL(m.head(), "HTTP/1.1 103 \r\n\r\n");
  m.skip_head();
  CAF_CHECK_EQUAL(m.write(std::string_view{both}.substr(*first)).value_or(0), head.size());
  CAF_CHECK_EQUAL(m.head(), head);
}

CAF_TEST(no more data is taken than there is room for) {
  outgoing_message m{1000};
  CAF_CHECK_EQUAL(m.write(head).value_or(0), head.size());
  m.begin_body(http1::framing::length, 200'000);
  std::string data(200'000, 'x');
  CAF_CHECK_EQUAL(m.write(data).value_or(0), outgoing_message::max_data);
  CAF_CHECK(!m.has_room());
  CAF_CHECK_EQUAL(m.write(data).value_or(1), 0u);
  (void)drain(m);
  CAF_CHECK(m.has_room());
  CAF_CHECK(!m.finished());
}

CAF_TEST(what is no message is refused) {
  outgoing_message too_long{10};
  CAF_CHECK(!too_long.write(head));
  outgoing_message behind{1000};
  (void)behind.write(head);
  behind.begin_body(http1::framing::length, 1);
  CAF_CHECK(!behind.write("ab"));
  outgoing_message chunks{1000};
  (void)chunks.write(head);
  chunks.begin_body(http1::framing::chunked, 0);
  CAF_CHECK(!chunks.write("zz\r\n"));
}

CAF_TEST(only an open end has to be said) {
  outgoing_message m{1000};
  (void)m.write(head);
  m.begin_body(http1::framing::until_close, 0);
  (void)m.write("abc");
  CAF_CHECK(!m.finished());
  CAF_CHECK(m.is_open_ended());
  m.finish();
  CAF_CHECK(m.finished());
  CAF_CHECK_EQUAL(drain(m), "abc");
}

CAF_TEST(what comes is read framed and in pieces of any size) {
  for (size_t piece : {1u, 3u, 1000u}) {
    incoming_message m;
    m.add_head(head);
    m.begin_body(http1::framing::chunked);
    m.add_data("hello");
    m.add_data(""); // would end the body
    m.add_data(std::string(20, 'x'));
    m.end("t: u\r\n");
    CAF_CHECK(m.ended());
    CAF_CHECK_EQUAL(read_all(m, piece), std::string{head} + "19\r\nhello" + std::string(20, 'x') +
                                          "\r\n0\r\nt: u\r\n\r\n");
    CAF_CHECK(!m.has_text());
  }
}

CAF_TEST(credit is given for data that was read and for no more) {
  incoming_message m;
  m.add_head(head);
  m.begin_body(http1::framing::length);
  m.add_data(std::string(1000, 'x'));
  CAF_CHECK_EQUAL(m.take_credit(), 0u);
  std::string buffer(100, '\0');
  size_t credit = 0, read = 0;
  while (auto size = m.read(buffer)) {
    read += size;
    credit += m.take_credit();
    CAF_CHECK(credit <= read);
  }
  CAF_CHECK_EQUAL(credit, 1000u);
  CAF_CHECK_EQUAL(m.take_credit(), 0u);
}

CAF_TEST(many small pieces of data take no more room than one large) {
  incoming_message m;
  m.add_head(head);
  m.begin_body(http1::framing::chunked);
  for (auto i = 0; i < 10'000; ++i)
    m.add_data("x");
  CAF_CHECK(m.held() <= 10'000 + head.size());
}

CAF_TEST(what was read does not pile up behind a reader that never catches up) {
  incoming_message m;
  m.add_head(head);
  m.begin_body(http1::framing::length);
  std::string buffer(1000, '\0');
  (void)m.read(std::span{buffer}.first(head.size()));
  m.add_data(std::string(2000, 'x'));
  for (auto i = 0; i < 1000; ++i) {
    m.add_data(std::string(1000, static_cast<char>('a' + i % 26)));
    CAF_REQUIRE(m.read(buffer) == buffer.size());
    CAF_CHECK(m.capacity() < 16'000);
    if (i > 1)
      CAF_CHECK_EQUAL(buffer, std::string(1000, static_cast<char>('a' + (i - 2) % 26)));
  }
}
