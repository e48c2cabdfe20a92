#pragma once

#include <codex/network_proxy_caf.hpp>

#include "actors/observe/decision_event.hpp"
#include "actors/serve/core/interfaces.hpp"

/// Actors for programs that run CAF themselves: they translate between its messages and ours.

namespace proxy::embed {

/// What the workers tell.
using events_desk = codex::events_actor::extend<caf::reacts_to<atom::record, decision_event_ptr>>;

[[nodiscard]] events_desk spawn_events(caf::actor_system& system);

/// @param store  It ends when that does.
[[nodiscard]] codex::policy_store_actor spawn_store(caf::actor_system& system,
                                                    const policy_store_actor& store);

} // namespace proxy::embed
