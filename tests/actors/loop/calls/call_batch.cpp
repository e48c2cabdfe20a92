#define CAF_SUITE actors.loop.calls.call_batch
#include "actors/loop/calls/call_batch.hpp" // unit under test

#include <cerrno>
#include <vector>

#include "tests/actors/net/gathered.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Makes calls one by one, and fails where the test wants it.
struct scripted_executor final : call_executor {
  explicit scripted_executor(proxy::network& on) : how(make_plain_executor(on)) {}
  void run(std::span<socket_call> calls) noexcept override {
    for (auto& call : calls)
      if (call.what == socket_call::kind::watch && watch_error != 0)
        call.result = -watch_error;
      else
        how->run({&call, 1});
    if (is_last_run)
      lost = ENOMEM;
  }
  [[nodiscard]] int gave_up() const noexcept override { return lost; }

  std::unique_ptr<call_executor> how;
  int watch_error = 0;
  bool is_last_run = false;
  int lost = 0;
};

constexpr back_end kinds[] = {back_end::usual, back_end::made_up};

struct fixture : gathered_fixture {
  explicit fixture(back_end which) : gathered_fixture(which) {
    auto made = std::make_unique<scripted_executor>(network());
    how = made.get();
    loop.calls().use(std::move(made), 0);
  }
  scripted_executor* how;
};

} // namespace

CAF_TEST(what gives up is used no more and tells why once) {
  for (auto kind : kinds) {
    fixture f{kind};
    std::vector<int> told;
    f.loop.calls().when_given_up([&](int error) { told.push_back(error); });
    f.how->is_last_run = true;
    f.in_a_turn([&] {
      CAF_CHECK(f.loop.calls().gathers());
      (void)f.sock.write("the last together ");
      f.peer.send("and read");
    });
    CAF_CHECK(told == std::vector{ENOMEM});
    CAF_CHECK_EQUAL(f.peer_gets(18), "the last together ");
    f.in_a_turn([&] {
      CAF_CHECK(!f.loop.calls().gathers());
      (void)f.sock.write("at once");
      f.on().settle();
      CAF_CHECK_EQUAL(f.peer.receive(), "at once");
    });
    CAF_CHECK(f.run_until([&] { return f.sock.may_read(); }));
    CAF_CHECK_EQUAL(f.read_some(), "and read");
    CAF_CHECK(told == std::vector{ENOMEM});
  }
}

CAF_TEST(a socket that cannot be watched wakes its flow and fails) {
  for (auto kind : kinds) {
    fixture f{kind};
    f.how->watch_error = ENOSPC;
    auto [mine, theirs] = tcp_pair(f.on());
    scripted_flow flow;
    proxy::socket unwatched;
    f.in_a_turn([&] { CAF_CHECK(unwatched.open(f.loop, mine.release(), &flow)); });
    CAF_CHECK(f.run_until([&] { return flow.fired > 0; }));
    CAF_CHECK(unwatched.dead());
    auto got = unwatched.read(f.loop.scratch());
    CAF_CHECK(got.failed());
    CAF_CHECK_EQUAL(got.error, ENOSPC);
    CAF_CHECK_EQUAL(unwatched.write("x").error, ENOSPC);
    unwatched.close();
    f.on().settle();
    f.run_for(20ms);
    CAF_CHECK_EQUAL(theirs.read_byte(), 0);
  }
}

CAF_TEST(a socket that is closed in the turn in which it came is watched by nobody) {
  for (auto kind : kinds) {
    fixture f{kind};
    f.how->watch_error = ENOSPC; // would be told to it
    auto [mine, theirs] = tcp_pair(f.on());
    scripted_flow flow;
    proxy::socket brief;
    f.in_a_turn([&] {
      CAF_CHECK(brief.open(f.loop, mine.release(), &flow));
      brief.close();
    });
    f.run_for(20ms);
    CAF_CHECK_EQUAL(flow.fired, 0);
    CAF_CHECK_EQUAL(theirs.read_byte(), 0);
  }
}
