#include "actors/serve/decide/decider_desk.hpp"

#include <caf/send.hpp>
#include <utility>

namespace proxy {

namespace {

/// The promise of a question, if it is still open.
caf::typed_response_promise<decider_word> take(decider_desk_state& desk, uint64_t number) {
  auto entry = desk.open.extract(number);
  return entry ? std::move(entry.mapped()) : caf::typed_response_promise<decider_word>{};
}

} // namespace

desk_actor::behavior_type
decider_desk(caf::stateful_actor<decider_desk_state, pinned_actor<desk_actor>>* self,
             std::shared_ptr<outside_decider> outside) {
  return {
    [self, outside](atom::decide, const open_question& what) {
      auto answer = self->make_response_promise<decider_word>();
      self->state.open.emplace(what.number, answer);
      outside->ask(
        what, [desk = desk_actor{self}, number = what.number](caf::expected<decider_word> word) {
          if (word)
            caf::anon_send(desk, atom::decide_v, number, std::move(*word));
          else
            caf::anon_send(desk, atom::lost_v, number, std::move(word.error()));
        });
      return answer;
    },
    [self, outside](atom::withdraw, uint64_t number) {
      self->state.open.erase(number);
      outside->withdraw(number);
    },
    [self](atom::decide, uint64_t number, decider_word& word) {
      if (auto answer = take(self->state, number); answer.pending())
        answer.deliver(std::move(word));
    },
    [self](atom::lost, uint64_t number, caf::error& why) {
      if (auto answer = take(self->state, number); answer.pending())
        answer.deliver(std::move(why));
    },
  };
}

} // namespace proxy
