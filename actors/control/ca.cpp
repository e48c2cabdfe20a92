#include "actors/control/ca.hpp"

namespace proxy {

ca_actor::behavior_type ca(ca_actor::stateful_pointer<ca_state> self, size_t max_leaves,
                           const clock* time) {
  self->state.leaves.emplace(max_leaves);
  return {
    [self, time](atom::mint, const tls::authority_ptr& issuer,
                 const host& name) -> caf::result<tls::leaf_ptr> {
      auto now = time->wall();
      auto& leaves = *self->state.leaves;
      if (auto known = leaves.find(*issuer, name, now))
        return known;
      auto made = tls::mint(issuer, name, now);
      if (!made)
        return std::move(made.error());
      leaves.put(name, *made);
      return std::move(*made);
    },
  };
}

} // namespace proxy
