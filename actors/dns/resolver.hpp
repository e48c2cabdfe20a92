#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <memory>
#include <string>

#include "actors/loop/pinned_actor.hpp"
#include "actors/messages.hpp"
#include "actors/observe/log/log.hpp"
#include "config/proxy_config.hpp"

namespace proxy {

/// Turns names into addresses: literals and `localhost` by themselves, the hosts file, the cache
/// (by TTL, failures too), then name servers. One per shard, pinned to its loop, owned by the
/// shard, which lets go of it on that loop. v6 addresses come before v4 ones, each in the server's
/// order, so that RFC 8305 dialling can interleave them. Questions for a name that is being looked
/// up join it. When it ends, questions that wait are answered with errc::cancelled.
using resolver_actor = caf::typed_actor<
  // Addresses of a normalised name (never empty), or errc::dns_error, errc::dns_timeout.
  caf::replies_to<atom::resolve, std::string>::with<dns_answer>,
  // New settings: servers, hosts file, cache size, timeouts. Empties the cache; look-ups under way
  // start again with the new servers.
  caf::reacts_to<atom::configure, config_ptr>>;

class dns_engine;

struct resolver_state {
  static inline const char* name = "resolver";
  explicit resolver_state(resolver_actor::pointer);
  ~resolver_state();
  std::unique_ptr<dns_engine> engine; ///< Never null once the behaviour is made.
};

/// @param log  May be null.
resolver_actor::behavior_type
resolver(caf::stateful_actor<resolver_state, pinned_actor<resolver_actor>>* self, config_ptr config,
         log_ptr log);

} // namespace proxy
