#include "actors/dns/resolver.hpp"

#include "actors/dns/engine.hpp"

namespace proxy {

resolver_state::resolver_state(resolver_actor::pointer) {}

resolver_state::~resolver_state() = default;

resolver_actor::behavior_type
resolver(caf::stateful_actor<resolver_state, pinned_actor<resolver_actor>>* self, config_ptr config,
         log_ptr log) {
  self->state.engine = std::make_unique<dns_engine>(self->loop(), *config, std::move(log));
  return {
    [self](atom::resolve, const std::string& name) -> caf::result<dns_answer> {
      auto& engine = *self->state.engine;
      if (auto known = engine.known(name)) {
        if (*known)
          return std::move(**known);
        return std::move(known->error());
      }
      auto promise = self->make_response_promise<dns_answer>();
      engine.look_up(name, promise);
      return promise;
    },
    [self](atom::configure, const config_ptr& next) { self->state.engine->configure(*next); },
  };
}

} // namespace proxy
