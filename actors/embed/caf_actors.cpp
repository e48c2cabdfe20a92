#include "actors/embed/caf_actors.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include "actors/embed/builder_impl.hpp"
#include "actors/embed/handle_impl.hpp"
#include "actors/embed/translate.hpp"

namespace proxy::embed {

namespace {

struct events_state {
  std::vector<codex::refusal_listener> listeners;
};
/// (CAF reads through a null pointer where a function that it spawns takes nothing else.)
events_desk::behavior_type events(events_desk::stateful_pointer<events_state> self,
                                  std::vector<codex::refusal_listener> first) {
  self->state.listeners = std::move(first);
  self->set_down_handler([self](const caf::down_msg& gone) {
    std::erase_if(self->state.listeners,
                  [&](const auto& each) { return each.address() == gone.source; });
  });
  return {
    [self](codex::subscribe_atom, const codex::refusal_listener& who) {
      self->monitor(who);
      self->state.listeners.push_back(who);
    },
    [self](atom::record, const decision_event_ptr& refusal) {
      for (const auto& each : self->state.listeners)
        self->send(each, codex::blocked_atom::value, translate(*refusal));
    },
  };
}

using change_promise = caf::typed_response_promise<codex::policy_change>;

/// Asks for a change and answers with what it comes to.
template <class... Ts>
change_promise change(codex::policy_store_actor::pointer self, const policy_store_actor& store,
                      Ts... what) {
  auto done = self->make_response_promise<codex::policy_change>();
  self->request(store, change_answer_patience, what...)
    .then(
      [done](reload_outcome& outcome) mutable {
        auto told = translate(std::move(outcome));
        if (told)
          done.deliver(std::move(*told));
        else
          done.deliver(caf::make_error(caf::sec::runtime_error, told.error().message));
      },
      [done](caf::error& why) mutable { done.deliver(std::move(why)); });
  return done;
}

codex::policy_store_actor::behavior_type store_behavior(codex::policy_store_actor::pointer self,
                                                        const policy_store_actor& store) {
  self->set_down_handler([self](const caf::down_msg&) { self->quit(); });
  self->monitor(store);
  return {
    [self, store](codex::reload_atom) { return change(self, store, atom::reload_v); },
    [self, store](codex::set_mode_atom, codex::network_mode mode) {
      return change(self, store, atom::set_mode_v, translate(mode));
    },
    [self, store](codex::allow_atom, const std::string& pattern) {
      return change(self, store, atom::allow_v, pattern);
    },
    [self, store](codex::deny_atom, const std::string& pattern) {
      return change(self, store, atom::deny_v, pattern);
    },
  };
}

} // namespace

events_desk spawn_events(caf::actor_system& system) {
  return system.spawn<caf::hidden>(events, std::vector<codex::refusal_listener>{});
}

codex::policy_store_actor spawn_store(caf::actor_system& system, const policy_store_actor& store) {
  return system.spawn<caf::hidden>(store_behavior, store);
}

} // namespace proxy::embed

namespace codex {

network_proxy::builder& share_system(network_proxy::builder& wanted, caf::actor_system& system) {
  proxy::embed::access::of(wanted).system = &system;
  return wanted;
}

network_proxy::builder& decide_by(network_proxy::builder& wanted, decider_actor decider) {
  // Each question is asked by an actor of its own: what it holds goes when the answer has come.
  return wanted.policy_decider(
    [decider = std::move(decider)](const policy_request& request, const decision_reply& reply) {
      decider->home_system().spawn<caf::hidden>(
        [decider, reply](caf::event_based_actor* self, const policy_request& what) {
          self->request(decider, caf::infinite, decide_atom::value, what)
            .then([reply](const network_decision& answer) { reply(answer); },
                  [](const caf::error&) {}); // its reply goes without an answer
        },
        request);
    });
}

policy_store_actor policy_store_of(const network_proxy::handle& running) {
  const auto& all = proxy::embed::access::of(running);
  auto store = all.proxy.store();
  if (!all.has.system || !store)
    return {};
  return proxy::embed::spawn_store(*all.has.system, store);
}

events_actor events_of(const network_proxy::handle& running) {
  return proxy::embed::access::of(running).has.events;
}

} // namespace codex
