#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <vector>

#include "actors/messages.hpp"
#include "actors/net/bound_listener.hpp"
#include "config/load.hpp"

namespace proxy {

/// The sockets that a configuration asks for, none of them in force yet.
struct bound_listeners {
  listener_set all;
  listener_set added;                    ///< Those of `all` that were bound for it.
  std::vector<config::problem> problems; ///< What could not be bound: then `all` is not complete.
};

/// Owns the listening sockets: binds what a new policy asks for, keeps those whose address stays,
/// lets go of the others once it is in force. Workers share the sockets (`atom::install`); each
/// closes with the last that lets go. Lives on the scheduler; one per proxy, owned by
/// `network_proxy`.
using listener_owner_actor = caf::typed_actor<
  // Binds what a configuration asks for and is not bound. Nothing is closed: the sockets in force
  // stay, and what was bound for another configuration that never came to be is closed.
  caf::replies_to<atom::bind, config_ptr>::with<bound_listeners>,
  // These are in force now: has let go of all others when it answers.
  caf::replies_to<atom::install, listener_set>::with<bool>,
  // What was bound and is not in force comes too late: lets go of it.
  caf::reacts_to<atom::abort>,
  // The sockets in force.
  caf::replies_to<atom::listen>::with<listener_set>,
  // The proxy ends: lets go of all but the admin API's, by which one watches it. Binds no more.
  caf::reacts_to<atom::drain>,
  // Lets go of all of them. Binds no more.
  caf::reacts_to<atom::close>>;

struct listener_owner_state {
  static inline const char* name = "listener_owner";
  explicit listener_owner_state(listener_owner_actor::pointer) {}

  listener_set in_force;
  listener_set proposed; ///< Bound for a configuration that is not in force yet.
  bool ending = false;   ///< Nothing is bound any more.
  bool closed = false;   ///< Nothing is held any more.
};

/// @param first  In force from the start.
/// @param on     Where it binds; outlives it.
listener_owner_actor::behavior_type
listener_owner(listener_owner_actor::stateful_pointer<listener_owner_state> self,
               listener_set first, network* on);

/// Binds what a configuration asks for, or takes it over from the listeners in use. Disabled, that
/// is the admin API alone, where it is bound already.
[[nodiscard]] bound_listeners bind_listeners(const config::proxy_config& config,
                                             const listener_set& in_use,
                                             network& on = this_machine().network);

/// Where they stand; those of unix sockets have no address.
[[nodiscard]] std::vector<policy::socket_address> addresses_of(const listener_set& listeners);

/// What stays open while the proxy ends.
[[nodiscard]] listener_set admin_only(listener_set listeners);

} // namespace proxy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::bound_listeners)
