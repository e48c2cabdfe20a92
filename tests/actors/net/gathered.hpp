#pragma once

#include <functional>
#include <string>

#include "actors/net/socket.hpp"
#include "tests/actors/loop/back_ends.hpp"
#include "tests/support/test.hpp"

/// Sockets in turns that gather their calls.
namespace proxy::test {

/// A flow that does what the test says.
struct scripted_flow final : ready_handler {
  void fire() override {
    ++fired;
    if (auto now = act) // which it may change
      now();
  }
  std::function<void()> act;
  int fired = 0;
};

/// A socket under test whose loop gathers the calls of every turn, and its scripted peer.
struct gathered_fixture : stand {
  explicit gathered_fixture(back_end which) : stand(which) {
    CAF_MESSAGE(test::to_string(which));
    auto [mine, theirs] = tcp_pair(on());
    peer = std::move(theirs);
    CAF_REQUIRE(sock.open(loop, mine.release(), &handler));
    turn();
  }

  /// What the flow does when it is woken next, once.
  void in_a_turn(std::function<void()> what) {
    auto done = false;
    handler.act = [&] {
      handler.act = nullptr;
      done = true;
      what();
    };
    loop.again(handler);
    CAF_REQUIRE(run_until([&] { return done; }));
  }

  std::string read_some(size_t limit = 64 * 1024) {
    auto got = sock.read(loop.scratch().first(limit));
    return got.ok() ? std::string(loop.scratch().data(), got.size) : "";
  }
  /// All that the peer gets, until it has got so much.
  std::string peer_gets(size_t size) {
    std::string out;
    CAF_CHECK(run_until([&] {
      out += peer.receive();
      return out.size() >= size;
    }));
    return out;
  }

  scripted_flow handler;
  endpoint_fd peer;
  proxy::socket sock;
};

inline constexpr back_end gathering[] = {back_end::gathered, back_end::ring,
                                         back_end::made_up_gathered};

/// A second socket of the fixture's flow: what happens to it wakes the flow, too.
struct beside {
  explicit beside(gathered_fixture& of) {
    auto [mine, theirs] = tcp_pair(of.on());
    peer = std::move(theirs);
    CAF_REQUIRE(sock.open(of.loop, mine.release(), &of.handler));
    of.turn();
  }
  endpoint_fd peer;
  proxy::socket sock;
};

} // namespace proxy::test
