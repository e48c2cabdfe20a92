#pragma once

#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/messages.hpp"

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
  // Stop accepting; replies once the last connection of the proxy (not of the admin API) has ended.
  caf::replies_to<atom::drain>::with<bool>,
  // Serve nobody any more: listeners close, connections end; those of the admin API get the answer
  // that they wait for. No reply.
  caf::reacts_to<atom::close>,
  // End every connection now and quit.
  caf::reacts_to<atom::abort>>;

} // namespace proxy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::ip_address)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::peers_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::accepted_socket_ptr)
