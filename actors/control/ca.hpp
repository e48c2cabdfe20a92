#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>
#include <optional>

#include "actors/loop/system/clock.hpp"
#include "actors/messages.hpp"
#include "tls/leaf_cache.hpp"

namespace proxy {

/// Mints certificates for intercepted hosts, so that no loop waits for a signature. Lives on the
/// scheduler; one per proxy, owned by `network_proxy`. A burst for one host mints once: the first
/// question fills the cache for those that wait behind it.
using ca_actor = caf::typed_actor<
  // The leaf of a host under this CA; errc::invalid_config when the CA's time is over, errc::system
  // with OpenSSL's words.
  caf::replies_to<atom::mint, tls::authority_ptr, host>::with<tls::leaf_ptr>>;

struct ca_state {
  static inline const char* name = "ca";
  explicit ca_state(ca_actor::pointer) {}
  std::optional<tls::leaf_cache> leaves; ///< Set once the behaviour is made.
};

/// @param max_leaves  How many certificates are kept; the one unused for longest makes room.
/// @param by          What tells when certificates are valid.
ca_actor::behavior_type ca(ca_actor::stateful_pointer<ca_state> self, size_t max_leaves,
                           const clock* by);

} // namespace proxy
