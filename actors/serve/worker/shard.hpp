#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "actors/loop/pinned_actor.hpp"
#include "actors/serve/core/interfaces.hpp"
#include "actors/serve/core/shard_core.hpp"
#include "actors/serve/worker/listener.hpp"

namespace proxy {

struct shard_state {
  static inline const char* name = "shard";
  explicit shard_state(shard_actor::pointer) {}
  /// Of a shard that was not told to end: nobody judges what it served, so all of it ends.
  ~shard_state();

  std::unique_ptr<shard_core> core;
  audit_actor audit;
  supervisor_actor supervisor;
  std::vector<std::pair<bound_listener_ptr, listener_actor>> listeners;
  size_t wanted_listeners = 0; ///< So many serve clients of the proxy, by the policy in force.
  std::unique_ptr<ready_handler> next_pass; ///< Of the end, once that has begun.
  bool alone = false;                       ///< An abort was heard, and nobody was served any more.
  bool ended = false;                       ///< All that was served has gone.
};

using shard_pointer = caf::stateful_actor<shard_state, pinned_actor<shard_actor>>*;

/// What a shard is born with.
struct shard_start {
  size_t index = 0;
  std::shared_ptr<process_state> process;
  snapshot_ptr before; ///< Refuses everything: in force until the first `install`.
  audit_actor audit;
  ca_actor ca;
  supervisor_actor supervisor{};
};

shard_actor::behavior_type shard(shard_pointer self, shard_start start);

} // namespace proxy
