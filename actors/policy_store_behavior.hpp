#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "actors/bound_listener.hpp"
#include "actors/compile.hpp"
#include "actors/observe/audit.hpp"
#include "actors/policy_store.hpp"
#include "actors/shard.hpp"
#include "actors/shard_core.hpp"

namespace proxy {

/// Changes that may wait for the one under way. Beyond it they are refused.
inline constexpr size_t max_waiting_changes = 64;

/// What the policy store is born with: the first generation, installed by `network_proxy`.
struct store_start {
  config::sources from;
  snapshot_ptr current;
  listener_set listeners;
  std::vector<shard_actor> shards;
  audit_actor audit;
  std::shared_ptr<process_state> process;
  /// Reads the addresses of this machine; tests have others.
  std::function<std::optional<std::vector<ip_address>>()> addresses = machine_addresses;
};

struct policy_store_state {
  static inline const char* name = "policy_store";
  explicit policy_store_state(policy_store_actor::pointer) {}

  store_start now;
  /// Changes that wait for the one under way, at most `max_waiting_changes`.
  std::deque<std::function<void()>> waiting;
  bool busy = false;
  bool draining = false;
  bool addresses_waiting = false; ///< Among `waiting`, where one such change is enough.
};

policy_store_actor::behavior_type
policy_store(policy_store_actor::stateful_pointer<policy_store_state> self, store_start start);

} // namespace proxy
