#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/control/ca.hpp"
#include "actors/loop/simulation/world.hpp"
#include "actors/net/bound_listener.hpp"
#include "actors/serve/worker/shard.hpp"
#include "tests/simulate/judge.hpp"

namespace proxy::simulate {

/// How the host of an origin is called.
[[nodiscard]] std::string name_of(const ip_address& origin);

/// The proxy of a world: one to three workers and their listeners, at 192.0.2.1.
class tested_proxy {
public:
  /// @param reads  Policies may have it read tunnels.
  tested_proxy(simulation::world& w, judge& sees, bool reads);
  ~tested_proxy();

  /// Puts a policy in force everywhere. None is on its way there.
  /// @param moves  To another port.
  void reload(allowance next, bool moves = false);
  /// From now on it has no more descriptors than so many beside those in use.
  void run_short_of_descriptors(size_t spare);
  /// Ends all of it at once.
  void stop();

  [[nodiscard]] const uint16_t& port() const noexcept { return port_; }
  [[nodiscard]] simulation::node& on() noexcept { return here_; }
  [[nodiscard]] uint64_t reloads() const noexcept { return generation_; }
  /// @throws violation  What has been seen meanwhile.
  void check() const;
  /// Nothing of any client is left. @throws violation
  void check_that_nothing_is_left() const;

private:
  [[nodiscard]] bound_listener_ptr listen();
  [[nodiscard]] snapshot_ptr compiled(const allowance& allowed);
  void acknowledged();

  simulation::world& w_;
  judge& judge_;
  const bool reads_;
  simulation::node& here_;
  const size_t count_ = 1 + w_.chance().below(3);
  std::shared_ptr<process_state> process_ =
    std::make_shared<process_state>(count_, w_.machine_of(here_));
  std::vector<shard_actor> shards_;
  ca_actor ca_;
  uint16_t port_ = 3128;
  listener_set listeners_, moving_to_;
  size_t unacknowledged_ = 0; ///< By so many workers.
  bool scarce_ = false;       ///< It is short of descriptors.
  bool over_ = false;         ///< It has been told to end.
  uint64_t generation_ = 0;
  std::string violated_;
};

} // namespace proxy::simulate
