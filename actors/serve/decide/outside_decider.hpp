#pragma once

#include <caf/expected.hpp>
#include <functional>

#include "actors/serve/decide/decider.hpp"

namespace proxy {

/// Somebody outside of the actors who decides: a function of the program that embeds the proxy.
class outside_decider {
public:
  /// Takes the word, or why none comes. From any thread; the first one counts, and none after the
  /// question has gone.
  using word_taker = std::function<void(caf::expected<decider_word>)>;

  virtual ~outside_decider() = default;
  /// On a loop: does not wait.
  virtual void ask(const open_question& what, word_taker said) = 0;
  /// Nobody waits for the word any more. On a loop: does not wait.
  virtual void withdraw(uint64_t number) = 0;
};

/// Hands questions to somebody outside, and takes their words in.
using desk_actor = decider_actor::extend<
  // Their word on the question of this number.
  caf::reacts_to<atom::decide, uint64_t, decider_word>,
  // There will be none.
  caf::reacts_to<atom::lost, uint64_t, caf::error>>;

} // namespace proxy
