#define CAF_SUITE protocols.http2.session
#include "protocols/http2/session.hpp" // unit under test

#include <nghttp2/nghttp2.h>

#include "tests/protocols/http2_session_pair.hpp"

using namespace proxy;
using namespace proxy::http2;
using namespace proxy::test;

CAF_TEST_FIXTURE_SCOPE(session_tests, session_pair)

CAF_TEST(a request and its response arrive in HTTP / 1.1) {
  auto [near, far] = exchange(get_x);
  CAF_CHECK_EQUAL(read_all(*far), get_x);
  CAF_CHECK(far->ended());
  CAF_CHECK(far->write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").has_value());
  far->release();
  settle();
  CAF_CHECK_EQUAL(read_all(*near), "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nhi");
  CAF_CHECK(near->ended());
  CAF_CHECK(!near->is_reset());
  near->release();
  settle();
  CAF_CHECK_EQUAL(client.stream_count(), 0u);
  CAF_CHECK_EQUAL(server.stream_count(), 0u);
}

CAF_TEST(bodies stream both ways at once and end with trailers) {
  auto [near, far] = exchange(post);
  CAF_CHECK_EQUAL(read_all(*far), post);
  CAF_REQUIRE(far->write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").has_value());
  settle();
  CAF_CHECK_EQUAL(read_all(*near), "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n");
  for (auto i = 0; i < 3; ++i) {
    CAF_REQUIRE(near->write("4\r\nping\r\n").has_value());
    settle();
    CAF_CHECK_EQUAL(read_all(*far), "4\r\nping\r\n");
    CAF_REQUIRE(far->write("4\r\npong\r\n").has_value());
    settle();
    CAF_CHECK_EQUAL(read_all(*near), "4\r\npong\r\n");
  }
  CAF_REQUIRE(near->write("0\r\n\r\n").has_value());
  CAF_REQUIRE(far->write("0\r\ngrpc-status: 0\r\n\r\n").has_value());
  settle();
  CAF_CHECK_EQUAL(read_all(*far), "0\r\n\r\n");
  CAF_CHECK_EQUAL(read_all(*near), "0\r\ngrpc-status: 0\r\n\r\n");
  CAF_CHECK(near->ended());
  CAF_CHECK(far->ended());
}

CAF_TEST(nobody is ahead of a reader by more than the window) {
  auto [near, far] = exchange(get_x);
  (void)read_all(*far);
  constexpr size_t all = 1024 * 1024;
  auto head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(all) + "\r\n\r\n";
  CAF_REQUIRE(far->write(head).has_value());
  size_t sent = 0;
  auto* to = far;
  auto send = [&] {
    for (;;) {
      auto taken = to->write(std::string(std::min<size_t>(all - sent, 16'384), 'x'));
      CAF_REQUIRE(taken.has_value());
      settle();
      sent += *taken;
      if (*taken == 0 || sent == all)
        return;
    }
  };
  send();
  CAF_CHECK(sent <= session_limits{}.upstream_window + outgoing_message::max_data);
  CAF_CHECK(sent >= session_limits{}.upstream_window);
  size_t read = 0;
  while (read < all + 40) {
    auto text = read_all(*near);
    read += text.size();
    settle();
    if (sent < all)
      send();
    if (text.empty())
      break;
  }
  CAF_CHECK_EQUAL(sent, all);
  CAF_CHECK(near->ended());
}

CAF_TEST(streams that are let go of unread give the window back) {
  for (auto i = 0; i < 20; ++i) {
    auto [near, far] = exchange(post);
    std::string chunk = "10000\r\n" + std::string(65'536, 'x') + "\r\n";
    for (std::string_view rest{chunk}; !rest.empty();) {
      auto taken = near->write(rest);
      CAF_REQUIRE(taken.has_value());
      rest.remove_prefix(*taken);
      settle();
      CAF_REQUIRE(*taken > 0);
    }
    CAF_REQUIRE(far->write("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n").has_value());
    far->release();
    settle();
    CAF_CHECK(near->ended());
    CAF_CHECK(!near->is_reset()); // told to stop, not that it failed
    near->release();
    settle();
  }
  CAF_CHECK_EQUAL(server.stream_count(), 0u);
}

CAF_TEST(the code that cut a stream short is told and means something) {
  auto [near, far] = exchange(get_x);
  CAF_CHECK(!near->end_code());
  far->pass_on(NGHTTP2_CANCEL);
  far->abort();
  settle();
  CAF_CHECK(near->is_reset());
  CAF_CHECK_EQUAL(near->end_code().value_or(0), uint32_t{NGHTTP2_CANCEL});
  CAF_CHECK_EQUAL(near->end_words(), "the upstream reset the stream (HTTP/2 CANCEL)");
  CAF_CHECK(!near->wants_http1());
  near->release();
  auto [near2, far2] = exchange(get_x);
  far2->pass_on(NGHTTP2_HTTP_1_1_REQUIRED);
  far2->abort();
  settle();
  CAF_CHECK(near2->wants_http1());
  near2->release();
  auto [near3, far3] = exchange(get_x);
  far3->pass_on(NGHTTP2_REFUSED_STREAM); // would be a lie by now
  far3->abort();
  settle();
  CAF_CHECK_EQUAL(near3->end_code().value_or(0), uint32_t{NGHTTP2_INTERNAL_ERROR});
  CAF_CHECK(!near3->is_refused());
  near3->release();
  CAF_CHECK_EQUAL(name_of_code(0x77), "error 119");
}

CAF_TEST(a code is told behind the data that comes before it) {
  auto [near, far] = exchange(get_x);
  std::string_view begun = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
  CAF_REQUIRE(far->write(begun) == begun.size());
  far->pass_on(NGHTTP2_ENHANCE_YOUR_CALM);
  far->abort();
  settle();
  CAF_CHECK(read_all(*near).ends_with("half\r\n"));
  CAF_CHECK_EQUAL(near->end_code().value_or(0), uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
  near->release();
  CAF_CHECK_EQUAL(server.stream_count(), 0u);
}

CAF_TEST(a goodbye says why) {
  auto [near, far] = exchange(post);
  (void)near;
  (void)far;
  const char empty_data[] = {0, 0, 0, 0, 0, 0, 0, 0, 1};
  bool over = false;
  for (auto i = 0; i < 20'000 && !over; ++i)
    over = static_cast<bool>(server.receive({empty_data, sizeof empty_data}));
  CAF_REQUIRE(over);
  carry(server, client);
  auto words = client.end_words();
  CAF_CHECK(words.find("ENHANCE_YOUR_CALM") != std::string::npos);
  CAF_CHECK(words.find("carry nothing: at most 10000") != std::string::npos);
}

CAF_TEST(a response that is cut short is told apart from a whole one) {
  auto [near, far] = exchange(get_x);
  CAF_REQUIRE(far->write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi").has_value());
  far->release();
  settle();
  CAF_CHECK_EQUAL(read_all(*near), "HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\nhi");
  CAF_CHECK(near->is_reset());
  CAF_CHECK(!near->ended());
}

CAF_TEST(a body until close ends when it is let go of and not when it is cut off) {
  for (auto cut : {false, true}) {
    auto [near, far] = exchange(get_x);
    CAF_REQUIRE(far->write("HTTP/1.1 200 OK\r\n\r\nhi").has_value());
    settle();
    cut ? far->abort() : far->release();
    settle();
    CAF_CHECK_EQUAL(near->ended(), !cut);
    CAF_CHECK_EQUAL(near->is_reset(), cut);
    near->release();
  }
}

CAF_TEST(interim responses come before the final one) {
  auto [near, far] = exchange(get_x);
  CAF_REQUIRE(
    far->write("HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n").has_value());
  settle();
  CAF_CHECK_EQUAL(read_all(*near), "HTTP/1.1 103 \r\nlink: x\r\n\r\nHTTP/1.1 204 \r\n\r\n");
}

CAF_TEST(a client that goes away cuts its stream short) {
  auto [near, far] = exchange(post);
  near->release();
  settle();
  CAF_CHECK(far->is_reset());
  CAF_CHECK(!far->write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  far->release();
  CAF_CHECK_EQUAL(server.stream_count(), 0u);
}

CAF_TEST(a drained server serves what is open and takes nothing new) {
  auto [near, far] = exchange(get_x);
  server.drain();
  settle();
  CAF_CHECK(client.open() == nullptr);
  CAF_CHECK(!server.is_over());
  CAF_REQUIRE(far->write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").has_value());
  far->release();
  settle();
  CAF_CHECK(near->ended());
  near->release();
  settle();
  CAF_CHECK(server.is_over());
}

CAF_TEST(a request that the goodbye overtakes is refused without a word to the server) {
  auto* near = client.open();
  CAF_REQUIRE(near != nullptr);
  CAF_REQUIRE(near->write(get_x).has_value());
  server.drain();
  carry(server, client);
  settle();
  CAF_CHECK(near->is_reset());
  CAF_CHECK(near->is_refused());
  near->release();
  settle();
  CAF_CHECK_EQUAL(server.fault(), "");
  CAF_CHECK_EQUAL(client.stream_count(), 0u);
}

CAF_TEST(there are no more streams than the server allows) {
  std::vector<stream*> opened;
  while (auto* s = client.open()) {
    CAF_REQUIRE(s->write(get_x).has_value());
    opened.push_back(s);
  }
  CAF_CHECK_EQUAL(opened.size(), 100u);
  settle();
  opened[0]->release();
  settle();
  size_t accepted = 0;
  while (auto* s = server.accept()) {
    ++accepted;
    s->release();
  }
  CAF_CHECK_EQUAL(accepted, 99u);
}

CAF_TEST(the loss of the transport cuts all streams short) {
  auto [near, far] = exchange(post);
  (void)near;
  server.lose();
  CAF_CHECK(far->is_reset());
  CAF_CHECK(server.is_over());
  CAF_CHECK(server.output().empty());
  far->release();
  CAF_CHECK_EQUAL(server.stream_count(), 0u);
}

CAF_TEST(a WebSocket passes from one HTTP / 1.1 end to the other) {
  auto [near, far] = exchange("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                              "Connection: upgrade\r\nSec-WebSocket-Key: abc\r\n\r\n");
  auto request = read_all(*far);
  http1::request req;
  CAF_REQUIRE(!http1::decode_request(request, {}, req));
  CAF_CHECK_EQUAL(req.upgrade, "websocket");
  http1::response res;
  auto key = std::string{req.find("sec-websocket-key").value_or("")};
  exchange_facts facts;
  facts.websocket_key = key;
  field_section switched{{}};
  switched.add(":status", "200");
  auto answer = spell_response(switched, false, facts); // what an HTTP/1.1 server would say
  CAF_REQUIRE(answer.has_value());
  CAF_REQUIRE(far->write(answer->text + "frame").has_value());
  settle();
  auto got = read_all(*near);
  CAF_CHECK(got.starts_with("HTTP/1.1 101 "));
  CAF_CHECK(got.ends_with("\r\n\r\nframe"));
  CAF_REQUIRE(near->write("up").has_value());
  near->finish();
  settle();
  CAF_CHECK_EQUAL(read_all(*far), "up");
  CAF_CHECK(far->ended());
  CAF_CHECK(!far->is_reset());
}

CAF_TEST_FIXTURE_SCOPE_END()
