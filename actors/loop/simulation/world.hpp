#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "actors/loop/event_loop.hpp"
#include "actors/loop/simulation/internet.hpp"
#include "actors/loop/simulation/libraries.hpp"
#include "actors/loop/simulation/node.hpp"

namespace proxy::simulation {

/// Loops, actors and a network that live in one thread on time of their own. One step is one turn
/// of a loop, one message of a scheduled actor, or what arrives on the network; the seed says which
/// of them is next. The same seed gives the same steps.
class world {
public:
  explicit world(uint64_t seed);
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  [[nodiscard]] caf::actor_system& system() noexcept { return system_; }
  [[nodiscard]] internet& net() noexcept { return net_; }
  [[nodiscard]] made_up_time& time() noexcept { return time_; }
  [[nodiscard]] made_up_chance& chance() noexcept { return chance_; }
  /// What a proxy on a node runs on.
  [[nodiscard]] machine machine_of(node& which) noexcept { return {time_, numbers_, which}; }
  /// One more loop. Lives as long as this.
  [[nodiscard]] event_loop& add_loop(node& on);

  /// Does one thing; when there is nothing to do time passes until there is.
  /// @returns false when nothing will ever happen, or nothing before `limit`.
  bool step(steady_time limit);
  /// Steps until `done()`. @returns false when that does not come to pass within a span.
  bool run_until(const std::function<bool()>& done, std::chrono::nanoseconds span);
  /// Lets a span pass, and all that happens in it.
  void run_for(std::chrono::nanoseconds span);

  [[nodiscard]] uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] uint64_t steps() const noexcept { return steps_; }
  /// Of all steps and when they were: two runs that differ have another one.
  [[nodiscard]] uint64_t trace() const noexcept { return trace_; }

private:
  struct config : caf::actor_system_config {
    config();
  };
  struct running {
    std::unique_ptr<event_loop> loop;
    made_up_poller* poller;
  };

  [[nodiscard]] caf::scheduler::test_coordinator& scheduler() noexcept;
  [[nodiscard]] bool has_something_to_do(const running& one) const;
  [[nodiscard]] std::optional<steady_time> next_moment();
  void pass_until(steady_time when);
  void note(uint64_t what) noexcept;

  const uint64_t seed_;
  made_up_time time_;
  made_up_chance chance_;  ///< For the order of things, and the network.
  made_up_chance numbers_; ///< For whoever lives here.
  made_up_chance secrets_; ///< For libraries.
  library_world libraries_;
  internet net_;
  config config_;
  caf::actor_system system_;
  std::vector<running> loops_;
  uint64_t steps_ = 0;
  uint64_t trace_ = 0;
};

} // namespace proxy::simulation
