#define CAF_SUITE actors.loop.calls.call_executor
#include "actors/loop/calls/socket_call.hpp" // unit under test

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "actors/loop/poller.hpp"
#include "tests/actors/loop/sockets.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Those that there are here: calls one after the other, and those that the kernel takes at once.
std::vector<std::unique_ptr<call_executor>> executors() {
  auto& here = this_machine().network;
  std::vector<std::unique_ptr<call_executor>> out;
  out.push_back(make_plain_executor(here));
  if (auto at_once = here.make_executor())
    out.push_back(std::move(at_once));
  return out;
}

using kind = socket_call::kind;

socket_call reading(const endpoint_fd& from, std::string& into) {
  return {kind::read, from.fd, into.data(), into.size()};
}

socket_call writing(const endpoint_fd& to, std::string& bytes) {
  return {kind::write, to.fd, bytes.data(), bytes.size()};
}

} // namespace

CAF_TEST(each call has its result and all are made in their order) {
  for (auto& how : executors()) {
    auto [a, b] = stream_pair();
    std::string first = "one ";
    std::string second = "two";
    std::string room(64, '\0');
    std::string none(64, '\0');
    std::array calls{reading(b, none), writing(a, first), writing(a, second), reading(b, room),
                     reading(b, none)};
    how->run(calls);
    CAF_CHECK_EQUAL(calls[0].result, -EAGAIN); // nothing had come, and nobody waited
    CAF_CHECK_EQUAL(calls[1].result, 4);
    CAF_CHECK_EQUAL(calls[2].result, 3);
    CAF_CHECK_EQUAL(calls[3].result, 7);
    CAF_CHECK_EQUAL(room.substr(0, 7), "one two");
    CAF_CHECK_EQUAL(calls[4].result, -EAGAIN);
  }
}

CAF_TEST(a descriptor is closed after what is written before it) {
  for (auto& how : executors()) {
    auto [a, b] = stream_pair();
    std::string bytes = "last words";
    std::array calls{writing(a, bytes), socket_call{kind::close, a.fd}};
    how->run(calls);
    (void)a.release();
    CAF_CHECK_EQUAL(calls[0].result, 10);
    CAF_CHECK_EQUAL(calls[1].result, 0);
    CAF_CHECK_EQUAL(b.receive(), "last words");
    CAF_CHECK_EQUAL(b.read_byte(), 0);
  }
}

CAF_TEST(the end and errors are told as they are) {
  for (auto& how : executors()) {
    auto [a, b] = stream_pair();
    b.close();
    std::string room(8, '\0');
    std::array calls{reading(a, room), writing(a, room),
                     socket_call{kind::read, -1, room.data(), 8}};
    how->run(calls);
    CAF_CHECK_EQUAL(calls[0].result, 0);
    CAF_CHECK_EQUAL(calls[1].result, -EPIPE); // and no signal
    CAF_CHECK_EQUAL(calls[2].result, -EBADF);
  }
}

CAF_TEST(a full buffer takes a part or nothing and nobody waits for the rest) {
  for (auto& how : executors()) {
    auto [a, b] = tcp_pair();
    std::string large(8 << 20, 'l');
    std::array calls{writing(a, large), writing(a, large)};
    how->run(calls);
    CAF_CHECK(calls[0].result > 0);
    CAF_CHECK(calls[0].result < static_cast<ssize_t>(large.size()));
    // Of the rest the kernel may have moved some to the peer by then.
    CAF_CHECK(calls[1].result == -EAGAIN || calls[1].result > 0);
    CAF_CHECK(calls[1].result < static_cast<ssize_t>(large.size()));
  }
}

CAF_TEST(connections are accepted as far as there are any) {
  for (auto& how : executors()) {
    auto listener = tcp_listener();
    auto client = tcp_connect(listener);
    std::array<ip_sockaddr, 2> peers;
    std::array calls{socket_call{kind::accept, listener.fd},
                     socket_call{kind::accept, listener.fd}};
    for (size_t i = 0; i < 2; ++i)
      calls[i].peer = &peers[i];
    how->run(calls);
    CAF_REQUIRE(calls[0].result >= 0);
    endpoint_fd accepted{static_cast<int>(calls[0].result)};
    CAF_CHECK_EQUAL(peers[0].port(), this_machine().network.local_address(client.fd).port());
    CAF_CHECK_EQUAL(calls[1].result, -EAGAIN); // and nobody waited
    CAF_CHECK(client.send("hello"));
    CAF_CHECK_EQUAL(accepted.receive(), "hello");
  }
}

CAF_TEST(what is to be watched is as if a poller had been asked) {
  struct source final : io_source {
    void on_ready() override {}
  };
  for (auto& how : executors())
    for (auto& by : {make_poller(), make_poll_poller()}) {
      auto [a, b] = stream_pair();
      source of;
      of.fd = a.fd;
      source gone; // its descriptor is closed
      std::array calls{socket_call{kind::watch, of.fd}, socket_call{kind::watch, gone.fd}};
      for (auto& call : calls)
        call.by = by.get();
      calls[0].source = &of;
      calls[1].source = &gone;
      how->run(calls);
      CAF_CHECK_EQUAL(calls[0].result, 0);
      CAF_CHECK_EQUAL(calls[1].result, -EBADF);
      CAF_CHECK(b.send("x"));
      std::array<io_event, 4> events;
      auto count = by->wait(events, std::chrono::seconds{5});
      CAF_REQUIRE_EQUAL(count, 1u);
      CAF_CHECK(events[0].source == &of);
      CAF_CHECK((events[0].bits & io_in) != 0);
      by->remove(of);
    }
}

CAF_TEST(what was taken back is not done) {
  for (auto& how : executors()) {
    auto [a, b] = stream_pair();
    std::string bytes = "kept";
    std::array calls{socket_call{}, writing(a, bytes), socket_call{}};
    how->run(calls);
    CAF_CHECK_EQUAL(calls[1].result, 4);
    how->run(std::span{calls}.first(1));
    CAF_CHECK_EQUAL(b.receive(), "kept");
  }
}

CAF_TEST(there may be more calls than the kernel is handed at once) {
  for (auto& how : executors()) {
    auto [a, b] = tcp_pair();
    std::string byte = "x";
    std::vector<socket_call> calls(700, writing(a, byte));
    how->run(calls);
    for (const auto& call : calls)
      CAF_REQUIRE_EQUAL(call.result, 1);
    CAF_CHECK_EQUAL(b.drain(), 700u);
  }
}
