#pragma once

#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/messages.hpp"

namespace proxy {

/// Writes one JSON line for each policy decision. Lives on the scheduler; one per proxy, owned by
/// `network_proxy`. A slow sink never slows a connection: `record` is fire and forget, and the senders
/// drop and count events while `audit.queue_size` of them wait (`process_state::audit_waiting`, which this
/// actor counts down).
using audit_actor = caf::typed_actor<
  // Writes an event. No reply.
  caf::reacts_to<atom::record, audit_event>,
  // A new configuration: opens its sink. Replies false when that cannot be opened (the old one stays).
  caf::replies_to<atom::configure, config_ptr>::with<bool>,
  // Closes and opens the file again (log rotation).
  caf::reacts_to<atom::reopen>,
  // Answers once everything recorded before is written: true unless the sink failed.
  caf::replies_to<atom::flush>::with<bool>>;

} // namespace proxy
