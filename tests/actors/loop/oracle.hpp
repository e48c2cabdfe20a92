#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_actor.hpp>

#include <vector>

#include "actors/loop/pinned_actor.hpp"
#include "tests/support/loop_fixture.hpp"

namespace proxy::test {

using number_actor = caf::typed_actor<caf::replies_to<int>::with<int>>;

/// Who is asked for a number, and answers when the test says so.
struct oracle_state {
  explicit oracle_state(number_actor::pointer) {}
  std::vector<caf::typed_response_promise<int>> waiting;
};
using oracle_self = caf::stateful_actor<oracle_state, pinned_actor<number_actor>>;

inline number_actor::behavior_type oracle(oracle_self* self, oracle_self** handle) {
  *handle = self;
  return {[self](int) {
    self->state.waiting.push_back(self->make_response_promise<int>());
    return self->state.waiting.back();
  }};
}

/// A loop with an oracle on it.
struct oracle_fixture : loop_fixture {
  oracle_fixture() : wise(spawn_pinned(loop, oracle, &oracle_ptr)) { settle(); }

  /// To answer the first question with.
  auto& promise() { return oracle_ptr->state.waiting.at(0); }

  oracle_self* oracle_ptr = nullptr;
  number_actor wise;
};

} // namespace proxy::test
