#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <string>

#include "actors/loop/pinned_actor.hpp"
#include "actors/messages.hpp"
#include "config/proxy_config.hpp"

namespace proxy {

/// Turns names into addresses: hosts file, cache (TTL, failures too), then c-ares on the loop. One per
/// shard, pinned to its loop, owned by the shard. Both families; order as RFC 6724 gives it, so that
/// RFC 8305 dialling can interleave them. Questions for one name that is being looked up join it.
using resolver_actor = caf::typed_actor<
  // Addresses of a normalised name (never empty), or errc::dns_error, errc::dns_timeout.
  caf::replies_to<atom::resolve, std::string>::with<dns_answer>,
  // New settings: servers, cache size, timeouts. Empties the cache.
  caf::reacts_to<atom::configure, config_ptr>>;

class dns_engine;

struct resolver_state {
  static inline const char* name = "resolver";
  explicit resolver_state(resolver_actor::pointer);
  ~resolver_state();
  std::unique_ptr<dns_engine> engine;
};

resolver_actor::behavior_type
resolver(caf::stateful_actor<resolver_state, pinned_actor<resolver_actor>>* self, config_ptr config);

} // namespace proxy
