#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <memory>
#include <unordered_map>

#include "actors/loop/pinned_actor.hpp"
#include "actors/serve/decide/outside_decider.hpp"

namespace proxy {

struct decider_desk_state {
  static inline const char* name = "decider_desk";
  explicit decider_desk_state(desk_actor::pointer) {}
  std::unordered_map<uint64_t, caf::typed_response_promise<decider_word>> open; ///< By number.
};

/// The decider of one core: hands questions out and takes the words in, so that both are plain
/// messages of that core's loop. Pinned to it; ends with its shard.
desk_actor::behavior_type
decider_desk(caf::stateful_actor<decider_desk_state, pinned_actor<desk_actor>>* self,
             std::shared_ptr<outside_decider> outside);

} // namespace proxy
