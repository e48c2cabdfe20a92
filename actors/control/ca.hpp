#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <optional>

#include "actors/loop/system/clock.hpp"
#include "actors/serve/core/interfaces.hpp"
#include "tls/leaf_cache.hpp"

namespace proxy {

struct ca_state {
  static inline const char* name = "ca";
  explicit ca_state(ca_actor::pointer) {}
  std::optional<tls::leaf_cache> leaves; ///< Set once the behaviour is made.
};

/// @param max_leaves  How many certificates are kept; the one unused for longest makes room.
/// @param time        What tells when certificates are valid.
ca_actor::behavior_type ca(ca_actor::stateful_pointer<ca_state> self, size_t max_leaves,
                           const clock* time);

} // namespace proxy
