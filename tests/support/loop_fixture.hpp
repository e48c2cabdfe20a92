#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "actors/loop/event_loop.hpp"

namespace proxy::test {

using namespace std::chrono_literals;

/// An actor system with one scheduler thread: tests pin what they look at.
struct small_config : caf::actor_system_config {
  small_config() {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", 1);
  }
};

/// One event loop that the test turns by hand. Actors of a test must be gone, or ready to go, when
/// it ends.
struct loop_fixture {
  explicit loop_fixture(std::unique_ptr<poller> how = make_poller())
    : loop(system, this_machine(), std::move(how)) {}
  ~loop_fixture() { settle(); }

  /// Lets what is queued run, answers to it included.
  void settle() {
    for (int i = 0; i < 16; ++i)
      loop.turn(0ms);
  }

  /// Turns the loop until `done()`. @returns false when that does not come to pass within `limit`.
  template <class Predicate>
  [[nodiscard]] bool run_until(Predicate done, std::chrono::milliseconds limit = 60s) {
    auto end = std::chrono::steady_clock::now() + limit;
    while (!done()) {
      if (std::chrono::steady_clock::now() >= end)
        return false;
      loop.turn(5ms);
    }
    return true;
  }

  /// Turns the loop for a while: for things that must not happen.
  void run_for(std::chrono::milliseconds span) {
    (void)run_until([] { return false; }, span);
  }

  small_config config;
  caf::actor_system system{config};
  event_loop loop;
};

} // namespace proxy::test
