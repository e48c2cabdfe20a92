#define CAF_SUITE actors.loop.pinned_actor
#include "actors/loop/pinned_actor.hpp" // unit under test

#include <caf/scoped_actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <mutex>
#include <set>
#include <thread>

#include "actors/loop/task/request.hpp"
#include "tests/actors/loop/sockets.hpp"
#include "tests/support/loop_fixture.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Adds one to a number.
using adder_actor = caf::typed_actor<caf::replies_to<int>::with<int>>;

/// On which threads the adders of a test ran, and how often.
struct journal {
  void note() {
    std::lock_guard guard{mutex};
    threads.insert(std::this_thread::get_id());
    ++messages;
  }
  std::mutex mutex;
  std::set<std::thread::id> threads;
  int messages = 0;
  bool enough = false;
};

adder_actor::behavior_type adder(pinned_actor<adder_actor>*, std::shared_ptr<journal> log) {
  log->note();
  return {[log](int x) {
    log->note();
    return x + 1;
  }};
}

/// Asks another adder and hands the answer on.
adder_actor::behavior_type forwarder(pinned_actor<adder_actor>* self, std::shared_ptr<journal> log,
                                     adder_actor to) {
  log->note();
  return {[=](int x) {
    log->note();
    auto promise = self->make_response_promise<int>();
    auto answered = [=](caf::expected<int> y) mutable {
      log->note();
      promise.deliver(*y);
    };
    request_until<int>(self, self->loop().now() + 10s, to, answered, x);
    return promise;
  }};
}

/// Talks to itself until the test has heard enough.
using chatter_actor = caf::typed_actor<caf::reacts_to<int>>;

chatter_actor::behavior_type chatterbox(pinned_actor<chatter_actor>* self,
                                        std::shared_ptr<journal> log) {
  return {[=](int x) {
    log->note();
    if (!log->enough)
      self->send(self, x + 1);
  }};
}

/// A loop with a thread of its own.
struct running_loop {
  explicit running_loop(caf::actor_system& system)
    : loop(system), thread([this] { loop.run(); }), id(thread.get_id()) {}
  ~running_loop() { stop(); }
  void stop() {
    loop.stop();
    if (thread.joinable())
      thread.join();
  }
  event_loop loop;
  std::thread thread;
  std::thread::id id;
};

} // namespace

CAF_TEST(a pinned actor runs on its loop whoever sends) {
  small_config config;
  caf::actor_system system{config};
  running_loop on{system};
  auto log = std::make_shared<journal>();
  {
    auto pinned = spawn_pinned(on.loop, adder, log);
    // The handle is an argument and not captured: without arguments CAF binds a reference to null.
    auto relay = [](caf::event_based_actor* self, const adder_actor& to) -> caf::behavior {
      return {[self, to](int x) { return self->delegate(to, x); }};
    };
    auto scheduled = system.spawn(relay, pinned);
    std::atomic<int> right = 0;
    std::vector<std::thread> senders;
    for (int i = 0; i < 3; ++i)
      senders.emplace_back([&] {
        caf::scoped_actor self{system};
        auto count = [&](int answer) { right += answer == 2; };
        auto fail = [](const caf::error&) {};
        for (int k = 0; k < 100; ++k) {
          self->request(pinned, 10s, 1).receive(count, fail);
          self->request(scheduled, 10s, 1).receive(count, fail);
        }
      });
    for (auto& each : senders)
      each.join();
    CAF_CHECK_EQUAL(right.load(), 600);
  }
  auto thread = on.id;
  on.stop();
  std::lock_guard guard{log->mutex};
  CAF_CHECK_EQUAL(log->messages, 1 + 600);
  CAF_CHECK(log->threads == std::set{thread});
}

CAF_TEST(actors of two loops talk and each stays where it is) {
  small_config config;
  caf::actor_system system{config};
  running_loop left{system};
  running_loop right{system};
  auto left_log = std::make_shared<journal>();
  auto right_log = std::make_shared<journal>();
  {
    auto far = spawn_pinned(right.loop, adder, right_log);
    auto near = spawn_pinned(left.loop, forwarder, left_log, far);
    caf::scoped_actor self{system};
    for (int i = 0; i < 100; ++i)
      self->request(near, 10s, i)
        .receive([i](int x) { CAF_CHECK_EQUAL(x, i + 1); },
                 [](const caf::error&) { CAF_FAIL("no answer"); });
  }
  auto left_id = left.id;
  auto right_id = right.id;
  left.stop();
  right.stop();
  CAF_CHECK(left_log->threads == std::set{left_id});
  CAF_CHECK(right_log->threads == std::set{right_id});
  CAF_CHECK_EQUAL(left_log->messages, 1 + 100 + 100); // made, asked, answered
}

CAF_TEST(what was sent before the stop is still delivered) {
  small_config config;
  caf::actor_system system{config};
  auto log = std::make_shared<journal>();
  event_loop loop{system};
  auto pinned = spawn_pinned(loop, adder, log);
  for (int i = 0; i < 1000; ++i)
    caf::anon_send(pinned, i);
  loop.stop();
  loop.run();
  CAF_CHECK_EQUAL(log->messages, 1 + 1000);
}

CAF_TEST(a pinned actor ends when nobody refers to it) {
  loop_fixture f;
  auto token = std::make_shared<journal>();
  auto pinned = spawn_pinned(f.loop, adder, token);
  f.settle();
  CAF_CHECK(token.use_count() > 1);
  pinned = nullptr;
  CAF_CHECK_EQUAL(token.use_count(), 1);
}

CAF_TEST(an actor that is released later lives to the end of the turn) {
  loop_fixture f;
  auto token = std::make_shared<journal>();
  auto pinned = spawn_pinned(f.loop, adder, token);
  f.settle();
  f.loop.release_later(caf::actor_cast<caf::strong_actor_ptr>(pinned));
  pinned = nullptr;
  CAF_CHECK(token.use_count() > 1);
  f.loop.turn(0ms);
  CAF_CHECK_EQUAL(token.use_count(), 1);
}

CAF_TEST(actors that chat without end leave descriptors and timers their turn) {
  loop_fixture f;
  auto log = std::make_shared<journal>();
  auto gossip = spawn_pinned(f.loop, chatterbox, log);
  caf::anon_send(gossip, 0);
  struct bell final : timer {
    void on_timer() override { rung = true; }
    bool rung = false;
  } bell;
  struct ear final : io_source {
    void on_ready() override { heard = (ready & io_in) != 0; }
    bool heard = false;
  } ear;
  auto [mine, peer] = stream_pair();
  ear.fd = mine.fd;
  CAF_REQUIRE(f.loop.watch(ear));
  peer.send("x");
  f.loop.arm(bell, f.loop.now() + 50ms);
  CAF_CHECK(f.run_until([&] { return bell.rung && ear.heard; }));
  CAF_CHECK(log->messages > 2);
  f.loop.unwatch(ear);
  log->enough = true;
  f.settle();
}
