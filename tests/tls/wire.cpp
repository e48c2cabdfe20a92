#define CAF_SUITE tls.wire
#include "tls/ssl.hpp" // unit under test

#include "tests/tls/conversation.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::tls;

CAF_TEST_FIXTURE_SCOPE(wire_tests, tls_fixture)

CAF_TEST(the hello may have been read before by any number of bytes) {
  auto shown = leaf_for("example.com");
  for (size_t taken = 0;; taken += 7) {
    conversation both;
    both.client = client->session(parsed("example.com"), both.sockets.carriers[0]);
    (void)connect_step(*both.client);
    auto hello = both.sockets.drain(1);
    auto first = hello.substr(0, std::min(taken, hello.size()));
    both.server = server->session(*shown, both.sockets.carriers[1], first);
    if (first.size() < hello.size()) {
      CAF_CHECK_EQUAL(accept_step(*both.server), step::want_read);
      both.sockets.send(0, hello.substr(first.size()));
    }
    both.shake_hands();
    CAF_MESSAGE(taken << " bytes: " << both.server_error);
    CAF_CHECK(both.is_up());
    CAF_CHECK(both.talks());
    if (taken >= hello.size())
      break;
  }
}

CAF_TEST(a read takes all records there are and tells whether the socket has more) {
  auto both = talk("example.com");
  CAF_REQUIRE(both->talks());
  const std::string record(16 * 1024, 'r');
  auto read_of = [&](size_t room) {
    std::string into(room, '\0');
    size_t got = 0;
    CAF_CHECK_EQUAL(read(*both->server, into.data(), room, got), step::done);
    return got;
  };
  size_t sent = 0;
  CAF_REQUIRE_EQUAL(write(*both->client, record.data(), 100, sent), step::done);
  CAF_REQUIRE_EQUAL(write(*both->client, record.data(), 200, sent), step::done);
  CAF_CHECK_EQUAL(read_of(1000), 300u);
  CAF_CHECK(has_emptied_socket(*both->server));
  CAF_CHECK(!has_pending(*both->server));
  for (int i = 0; i < 4; ++i)
    CAF_REQUIRE_EQUAL(write(*both->client, record.data(), record.size(), sent), step::done);
  CAF_CHECK_EQUAL(read_of(1000), 1000u);
  CAF_CHECK(!has_emptied_socket(*both->server));
  // A call may end where what was taken from the socket ends with a record.
  std::string rest(100 * 1024, '\0');
  size_t all = 0;
  for (int calls = 0; calls < 4 && !has_emptied_socket(*both->server); ++calls) {
    size_t got = 0;
    (void)read(*both->server, rest.data(), rest.size(), got);
    all += got;
  }
  CAF_CHECK_EQUAL(all, 4 * record.size() - 1000);
  CAF_CHECK(has_emptied_socket(*both->server));
}

CAF_TEST_FIXTURE_SCOPE_END()
