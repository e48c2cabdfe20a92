#pragma once

#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/typed_actor.hpp>

#include <string>

#include "codex/network_proxy.hpp"

/// For programs that run CAF themselves: one actor system for them and the proxy, a decider that is
/// an actor, and actors of the proxy to talk to. A program that uses it links `caf_core` as well.
///
/// For CAF 0.17, whose messages within a process need no type ids; those here are never serialised.
/// Errors are `caf::sec::runtime_error` with the message of the `error`.

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(codex::policy_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(codex::network_decision)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(codex::network_mode)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(codex::policy_change)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(codex::blocked_request)

namespace codex {

using decide_atom = caf::atom_constant<caf::atom("decide")>;
using reload_atom = caf::atom_constant<caf::atom("reload")>;
using set_mode_atom = caf::atom_constant<caf::atom("setmode")>;
using allow_atom = caf::atom_constant<caf::atom("allow")>;
using deny_atom = caf::atom_constant<caf::atom("deny")>;
using subscribe_atom = caf::atom_constant<caf::atom("subscribe")>;
using blocked_atom = caf::atom_constant<caf::atom("blocked")>;

/// Decides (`builder::policy_decider`). One that fails or ends denies. `policy_request::cancelled`
/// tells when nobody waits any more.
using decider_actor =
  caf::typed_actor<caf::replies_to<decide_atom, policy_request>::with<network_decision>>;

/// Changes the policy, as the functions of `handle` do, without waiting.
using policy_store_actor =
  caf::typed_actor<caf::replies_to<reload_atom>::with<policy_change>,
                   caf::replies_to<set_mode_atom, network_mode>::with<policy_change>,
                   // Adds a pattern to the allow list, or to the deny list.
                   caf::replies_to<allow_atom, std::string>::with<policy_change>,
                   caf::replies_to<deny_atom, std::string>::with<policy_change>>;

/// Hears of refusals.
using refusal_listener = caf::typed_actor<caf::reacts_to<blocked_atom, blocked_request>>;

/// Tells of refusals.
using events_actor = caf::typed_actor<
  // Tells this one as well, until it ends.
  caf::reacts_to<subscribe_atom, refusal_listener>>;

/// The actors of its proxies live in this system, which has to outlive them. Its threads are the
/// program's: which signals they take is its matter.
/// @returns the builder.
CODEX_API network_proxy::builder& share_system(network_proxy::builder& wanted,
                                               caf::actor_system& system);

/// Has an actor decide. @returns the builder.
CODEX_API network_proxy::builder& decide_by(network_proxy::builder& wanted, decider_actor decider);

/// The store of a proxy that shares a system. It ends with the proxy.
/// @returns null where it shares none.
[[nodiscard]] CODEX_API policy_store_actor policy_store_of(const network_proxy::handle& running);

/// The same for its events.
[[nodiscard]] CODEX_API events_actor events_of(const network_proxy::handle& running);

} // namespace codex
