#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/control/ca.hpp"
#include "actors/control/listener_owner.hpp"
#include "actors/control/supervisor.hpp"
#include "actors/loop/simulation/world.hpp"
#include "actors/serve/worker/shard.hpp"
#include "tests/simulate/judge.hpp"
#include "tests/simulate/ledger.hpp"
#include "tests/simulate/policy_desk.hpp"

namespace proxy::simulate {

/// How the host of an origin is called.
[[nodiscard]] std::string name_of(const ip_address& origin);

/// What the proxy of a world is like.
struct temper {
  bool reads = false;     ///< Policies may have it read tunnels.
  bool impatient = false; ///< Its deadlines are short.
  uint64_t memory = 0;    ///< What its buffers may hold; 0: as much as on any machine.
};

/// The proxy of a world, all of it but its process: one to three workers, policy store, listeners,
/// supervisor, CA. It is at 192.0.2.1; its admin API on port 8080.
class tested_proxy {
public:
  tested_proxy(simulation::world& w, judge& sees, ledger& books, const temper& how);
  ~tested_proxy();

  /// Puts a policy in force everywhere.
  /// @pre `!is_changing()`
  /// @param moves  To another port.
  void reload(allowance next, bool moves = false);
  [[nodiscard]] bool is_changing() const noexcept { return desk_.changing || asked_; }
  /// From now on it has no more descriptors than so many beside those in use.
  void run_short_of_descriptors(size_t spare);
  /// Has some of its next calls on sockets fail.
  void fail_calls();
  /// Takes nobody new, and lets what is under way come to its end.
  void drain();
  [[nodiscard]] bool is_draining() const noexcept { return drains_; }
  /// That has come to pass.
  [[nodiscard]] bool has_drained() const noexcept { return drains_ && undrained_ == 0; }
  /// Ends all of it at once.
  void stop();

  [[nodiscard]] const uint16_t& port() const noexcept { return port_; }
  [[nodiscard]] simulation::node& on() noexcept { return here_; }
  [[nodiscard]] uint64_t reloads() const noexcept { return reloads_; }
  /// What its buffers hold, so far as its workers have told each other.
  [[nodiscard]] int64_t held() const noexcept { return process_->memory.held.load(); }
  [[nodiscard]] size_t workers() const noexcept { return count_; }
  /// @throws violation  What has been seen meanwhile.
  void check() const;
  /// Nothing of any client is left. @throws violation
  void check_that_nothing_is_left() const;

private:
  [[nodiscard]] std::shared_ptr<policy_document> compose(const allowance& allowed,
                                                         const policy_wish& wish) const;
  void start();
  void settled(const reload_outcome& outcome);
  /// Asks an actor, and hears its answer.
  template <class Answer, class Handle, class... Ts>
  void ask(const Handle& whom, std::function<void(const Answer&)> then, Ts... what);

  simulation::world& w_;
  judge& judge_;
  ledger& ledger_;
  const temper how_;
  simulation::node& here_;
  const size_t count_ = 1 + w_.chance().below(3);
  std::shared_ptr<process_state> process_ =
    std::make_shared<process_state>(count_, w_.machine_of(here_));
  policy_desk desk_;
  std::vector<shard_actor> shards_;
  ca_actor ca_;
  listener_owner_actor listeners_;
  supervisor_actor supervisor_;
  policy_store_actor store_, front_;
  uint16_t port_ = 3128;
  uint16_t next_port_ = 3128; ///< By the files.
  uint16_t comes_to_ = 3128;  ///< With the change that is under way.
  bool asked_ = false;        ///< For a reload that has not come back.
  bool scarce_ = false;       ///< It is short of descriptors.
  bool over_ = false;         ///< It has been told to end.
  bool drains_ = false;
  size_t undrained_ = 0;
  uint64_t reloads_ = 0;
  std::string violated_;
};

} // namespace proxy::simulate
