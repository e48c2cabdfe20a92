#define CAF_SUITE actors.net.reader
#include "actors/net/reader.hpp" // unit under test

#include <string>
#include <vector>

#include "actors/loop/task/task.hpp"
#include "tests/actors/loop/sockets.hpp"
#include "tests/support/loop_fixture.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::chrono_literals;

namespace {

/// Asks again and again, and writes down what it got, until there is nothing more to ask for.
task<void> note_all(reader& from, size_t most, steady_time deadline,
                    std::vector<std::string>& notes) {
  for (;;) {
    auto got = co_await from.some(most, deadline);
    switch (got.what) {
      case some_bytes::status::ok: notes.emplace_back(got.bytes); break;
      case some_bytes::status::woken: notes.emplace_back("(woken)"); break;
      case some_bytes::status::late: notes.emplace_back("(late)"); co_return;
      case some_bytes::status::end: notes.emplace_back("(end)"); co_return;
      case some_bytes::status::failed:
        notes.push_back("(failed " + std::to_string(got.error) + ")");
        co_return;
    }
  }
}

void note_done(void* flag) noexcept { *static_cast<bool*>(flag) = true; }

struct fixture : loop_fixture {
  fixture() {
    auto [mine, theirs] = tcp_pair();
    peer = std::move(theirs);
    CAF_REQUIRE(near.open(loop, mine.release(), &wakes));
    settle(); // that it may write is no news any more
  }

  void ask(size_t most = 1024, std::chrono::milliseconds patience = 10s) {
    flow = note_all(from, most, loop.now() + patience, notes);
    flow.start(&ended, note_done);
  }
  bool says(std::vector<std::string> what) {
    return run_until([&] { return notes.size() >= what.size(); }) && notes == what;
  }

  endpoint_fd peer;
  transport near;
  waker wakes{loop};
  reader from{loop, near, wakes};
  std::vector<std::string> notes;
  bool ended = false;
  task<void> flow;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(reader_tests, fixture)

CAF_TEST(what has come is read at once and in pieces of the size that was asked for) {
  CAF_REQUIRE(peer.send("one two"));
  CAF_REQUIRE(run_until([&] { return near.may_read(); }));
  ask(4);
  CAF_CHECK(says({"one ", "two"}));
}

CAF_TEST(what has not come is waited for) {
  ask();
  CAF_CHECK(notes.empty());
  CAF_REQUIRE(peer.send("later"));
  CAF_CHECK(says({"later"}));
}

CAF_TEST(who is woken by something else looks and asks again) {
  ask();
  wakes.fire();
  CAF_CHECK(says({"(woken)"}));
  CAF_REQUIRE(peer.send("after all"));
  CAF_CHECK(says({"(woken)", "after all"}));
}

CAF_TEST(who finds nothing where there should be something looks again before it waits) {
  CAF_REQUIRE(peer.send("1234"));
  CAF_REQUIRE(run_until([&] { return near.may_read(); }));
  char exactly[4];
  CAF_REQUIRE_EQUAL(near.read(exactly).size, 4u);
  CAF_REQUIRE(near.may_read()); // there may be more
  ask();
  CAF_CHECK(says({"(woken)"}));
}

CAF_TEST(the deadline ends the wait) {
  ask(1024, 20ms);
  CAF_CHECK(says({"(late)"}));
}

CAF_TEST(what came before the end is read before it) {
  CAF_REQUIRE(peer.send("last words"));
  peer.close();
  ask();
  CAF_CHECK(says({"last words", "(end)"}));
}

CAF_TEST(a reset is a failure) {
  ask();
  peer.reset();
  CAF_CHECK(says({"(failed " + std::to_string(ECONNRESET) + ")"}));
}

CAF_TEST(what was put back is read before what has come) {
  CAF_REQUIRE(peer.send("world"));
  CAF_REQUIRE(run_until([&] { return near.may_read(); }));
  near.put_back("hello ");
  ask();
  CAF_CHECK(says({"hello ", "world"}));
}

CAF_TEST(a flow that is dropped while it waits is not woken) {
  ask();
  flow = {};
  CAF_REQUIRE(peer.send("too late"));
  settle();
  CAF_CHECK(notes.empty());
}

CAF_TEST_FIXTURE_SCOPE_END()
