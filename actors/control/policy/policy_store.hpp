#pragma once

#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <string>

#include "actors/messages.hpp"

namespace proxy {

/// A change is pushed to the workers, or refused, so long after it was asked for, those before it
/// included.
inline constexpr std::chrono::seconds change_patience{80};
/// How long who asks for a change waits for the answer: the workers have their time after that.
inline constexpr std::chrono::seconds change_answer_patience{120};

/// Owns the policy in force: asks the source for a document, has it compiled, has its listeners
/// bound, and pushes the snapshot to every worker. Changes are made one after the other, and
/// answered when every worker serves them. A worker that does not acknowledge in time, or ends, is
/// told to the supervisor, and to who asked for the change. Lives on the scheduler; one per proxy,
/// owned by `network_proxy`.
using policy_store_actor = caf::typed_actor<
  // The policy in force (for the admin API and `explain`; connections hold what was pushed to
  // them).
  caf::replies_to<atom::current>::with<snapshot_ptr>,
  // The machine's addresses may have changed: read them, and if they have, and a listener stands on
  // all of them, make it a generation. Nothing else is loaded again.
  caf::reacts_to<atom::addresses>,
  // The proxy ends: refuse the changes that no worker has been told of, and further ones; let go of
  // the sockets. Replies once the change that the workers have been told of, if any, is made.
  caf::replies_to<atom::drain>::with<bool>,
  // Load all layers again: all of it, or the problems and nothing changed.
  caf::replies_to<atom::reload>::with<reload_outcome>,
  // Switch the mode at run time, within the managed constraints. Reloads keep it, but for one whose
  // managed layer no longer allows it.
  caf::replies_to<atom::set_mode, policy::mode>::with<reload_outcome>,
  // Go back to the mode that the files say.
  caf::replies_to<atom::lift_mode>::with<reload_outcome>>;

} // namespace proxy
