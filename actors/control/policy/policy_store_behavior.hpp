#pragma once

#include <caf/actor_addr.hpp>
#include <caf/actor_clock.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/control/listener_owner.hpp"
#include "actors/control/policy/compile.hpp"
#include "actors/control/policy/policy_source.hpp"
#include "actors/control/supervisor.hpp"
#include "actors/observe/audit.hpp"
#include "actors/serve/core/interfaces.hpp"
#include "actors/serve/core/shard_core.hpp"

namespace proxy {

/// Changes that may wait for the one under way. Beyond it they are refused.
inline constexpr size_t max_waiting_changes = 64;

/// How long the source may take to deliver; the policy in force stays when it does not.
inline constexpr std::chrono::seconds delivery_patience{60};
/// Sources that hang, whose threads stay until what they read answers. Beyond it changes are
/// refused at once, until one goes on.
inline constexpr size_t max_hanging_sources = 4;
/// How long listeners may take to be bound; the policy in force stays when they are not.
inline constexpr std::chrono::seconds binding_patience{10};
/// How long a worker may take to serve a new policy: its tunnels judge themselves meanwhile. One
/// that takes longer serves nobody knows what.
inline constexpr std::chrono::seconds acknowledgement_patience{30};
static_assert(change_patience >= delivery_patience + binding_patience);
static_assert(change_answer_patience > change_patience + acknowledgement_patience);
/// How long after it failed the machine's addresses are read again.
inline constexpr std::chrono::seconds addresses_pause{10};

/// What the policy store is born with: the first generation, installed by `network_proxy`.
struct store_start {
  policy_source_actor source; ///< Null once it hung, until there is another.
  listener_owner_actor listeners;
  supervisor_actor supervisor;
  std::vector<shard_actor> shards;
  audit_actor audit;
  std::shared_ptr<process_state> process;
  snapshot_ptr current;
  policy::proxy_environment proxies; ///< As they were when `current` was loaded.
  /// Begins another source in the place of one that hangs. May throw where no thread is left.
  std::function<policy_source_actor()> begin_source;
  /// Hears how telemetry is to be sent from now on, and does not wait; null: nobody does.
  std::function<void(const config::otel&)> telemetry{};
};

/// A change between its beginning and its answer.
struct change_under_way {
  std::optional<caf::typed_response_promise<reload_outcome>> done; ///< Unset: it came by itself.
  bool is_reload = false;                ///< Nothing but the configuration as it is now.
  caf::actor_clock::time_point asked{};  ///< When; it is not begun, or pushed, too long after.
  std::vector<config::problem> problems; ///< Warnings so far.
  std::vector<std::string> changed;
  std::vector<std::string> needs_restart;
  uint64_t closed_tunnels = 0;
  std::set<size_t> waits_for; ///< Workers that were told and have not acknowledged it.

  [[nodiscard]] bool is_pushed() const noexcept { return !waits_for.empty(); }
};

/// A change that waits for those before it.
struct waiting_change {
  std::function<void()> run;
  std::optional<caf::typed_response_promise<reload_outcome>> done{}; ///< Unset: it came by itself.
};

struct policy_store_state {
  static inline const char* name = "policy_store";
  explicit policy_store_state(policy_store_actor::pointer) {}
  /// However the store ends: who waits for a change is told that none will come.
  ~policy_store_state();

  store_start now;
  std::shared_ptr<change_under_way> change; ///< Null between changes.
  /// Changes that wait for the one under way, at most `max_waiting_changes`.
  std::deque<waiting_change> waiting;
  std::set<caf::actor_addr> hanging; ///< Sources that were let go of and have not ended.
  bool source_lost = false;          ///< It ended by itself: the proxy is about to end.
  bool draining = false;
  caf::typed_response_promise<bool> drained; ///< Pending while a drain waits for a change.
  bool failed = false;                       ///< A worker is lost: the proxy is about to end.
  std::string closing;                       ///< Why the proxy ends at once; "" while it does not.
  bool addresses_waiting = false;            ///< Among `waiting`, where one such change is enough.
  bool addresses_failed = false;             ///< They will be read again after a pause.
};

policy_store_actor::behavior_type
policy_store(policy_store_actor::stateful_pointer<policy_store_state> self, store_start start);

} // namespace proxy
