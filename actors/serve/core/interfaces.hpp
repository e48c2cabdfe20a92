#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "actors/observe/blocked_ring.hpp"
#include "actors/observe/counters/shard_counters.hpp"

/// What a worker and those that it talks to answer, whichever room they live in.

namespace proxy {

/// Handles that every shard gets once all exist; see shard_core.hpp.
struct peer_handles;
using peers_ptr = std::shared_ptr<const peer_handles>;

class open_descriptor;
/// An accepted connection on its way to another shard.
using accepted_socket_ptr = std::shared_ptr<open_descriptor>;

/// What one core owns: its listeners, connections, resolver and upstream pool. Pinned to its loop;
/// one per worker, owned by `network_proxy`.
using shard_actor = caf::typed_actor<
  // Serve this generation on these listening sockets. Replies with how many open tunnels it closed,
  // once every connection has judged itself.
  caf::replies_to<atom::install, snapshot_ptr, listener_set>::with<uint64_t>,
  // The handles of all shards, this one too, and of the policy store: for balance and the admin
  // API.
  caf::reacts_to<atom::listen, peers_ptr>,
  // Take over an accepted connection from a busier shard: front end and client address too.
  caf::reacts_to<atom::adopt, accepted_socket_ptr, endpoint, ip_address, uint16_t>,
  // Live connections.
  caf::replies_to<atom::describe>::with<std::vector<connection_info>>,
  caf::replies_to<atom::count>::with<shard_counters>,
  caf::replies_to<atom::blocked>::with<blocked_page>,
  // Whether its loop turns, and what it serves (for probes of health).
  caf::replies_to<atom::beat>::with<worker_beat>,
  // Stop accepting; replies once the last connection of the proxy (not of the admin API) has ended.
  caf::replies_to<atom::drain>::with<bool>,
  // Serve nobody any more: listeners close, connections end. Clients of the admin API get the
  // answer that they wait for; replies once the last of them has gone.
  caf::replies_to<atom::close>::with<bool>,
  // End every connection now and quit.
  caf::reacts_to<atom::abort>>;

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
  // The proxy ends at once, and this is why: refuse the changes that no worker has been told of,
  // and further ones.
  caf::replies_to<atom::close, std::string>::with<bool>,
  // Load all layers again: all of it, or the problems and nothing changed.
  caf::replies_to<atom::reload>::with<reload_outcome>,
  // Switch the mode at run time, within the managed constraints. Reloads keep it, but for one whose
  // managed layer no longer allows it.
  caf::replies_to<atom::set_mode, policy::mode>::with<reload_outcome>,
  // Go back to the mode that the files say.
  caf::replies_to<atom::lift_mode>::with<reload_outcome>,
  // Add a pattern to the allow list, within the managed constraints, or to the deny list. Reloads
  // keep it, but for one whose managed layer no longer allows it; the same pattern that was added
  // to the other list goes. Problems, and nothing changed, where it is no pattern, is not
  // permitted, or `config::max_added_patterns` are there.
  caf::replies_to<atom::allow, std::string>::with<reload_outcome>,
  caf::replies_to<atom::deny, std::string>::with<reload_outcome>>;

/// Mints certificates for intercepted hosts, so that no loop waits for a signature. Lives on the
/// scheduler; one per proxy, owned by `network_proxy`. A burst for one host mints once: the first
/// question fills the cache for those that wait behind it.
using ca_actor = caf::typed_actor<
  // The leaf of a host under this CA; errc::invalid_config when the CA's time is over, errc::system
  // with OpenSSL's words.
  caf::replies_to<atom::mint, tls::authority_ptr, host>::with<tls::leaf_ptr>>;

/// Watches the actors without which the proxy cannot keep its promises. When one of them ends, or
/// says that it cannot do its part, the proxy fails closed: every worker stops serving at once, the
/// log names who is lost, and the owner is told once the answers under way have been given.
/// Has a thread of its own, so that it waits for nobody; one per proxy, owned by `network_proxy`,
/// which watches it in turn, and ends it before it ends the others.
using supervisor_actor = caf::typed_actor<
  // From now on the actor of this name has to live. True: it may be told to end (it does so without
  // a reason, or with user_shutdown), as workers do with what is theirs.
  caf::reacts_to<atom::watch, std::string, bool, caf::strong_actor_ptr>,
  // The workers, to be closed when somebody is lost.
  caf::reacts_to<atom::listen, peers_ptr>,
  // Somebody lives but does not do his part: name, and what happened.
  caf::reacts_to<atom::lost, std::string, std::string>,
  // The proxy ends in order: whoever ends from now on was told to. True; false where somebody was
  // lost before, once the owner has been told.
  caf::replies_to<atom::close>::with<bool>,
  // Whether all that it watches is well (for probes of health).
  caf::replies_to<atom::beat>::with<bool>>;

/// How a worker is called where somebody reads of it.
[[nodiscard]] inline std::string worker_name(size_t index) {
  return "worker " + std::to_string(index);
}

} // namespace proxy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::ip_address)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::peers_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::accepted_socket_ptr)
