#include "actors/control/ca.hpp"

namespace proxy {

ca_actor::behavior_type ca(ca_actor::stateful_pointer<ca_state> self, size_t max_leaves) {
  self->state.leaves.emplace(max_leaves);
  return {
    [self](atom::mint, const tls::authority_ptr& by,
           const host& name) -> caf::result<tls::leaf_ptr> {
      auto now = std::chrono::system_clock::now();
      auto& leaves = *self->state.leaves;
      if (auto known = leaves.find(*by, name, now))
        return known;
      auto made = tls::mint(by, name, now);
      if (!made)
        return std::move(made.error());
      leaves.put(name, *made);
      return std::move(*made);
    },
  };
}

} // namespace proxy
