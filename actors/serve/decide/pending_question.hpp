#pragma once

#include <caf/expected.hpp>
#include <functional>
#include <memory>

#include "actors/serve/client/client_session.hpp"
#include "actors/serve/decide/decider.hpp"

namespace proxy {

/// A question that somebody was asked and has not answered. When it goes before the word has come,
/// or the word does not come in time, they are told that nobody waits for it any more.
class pending_question {
public:
  /// Gets the word, or why none came; may destroy the question.
  using receiver = std::function<void(caf::expected<decider_word>)>;

  /// Asks.
  /// @param heard  Called at most once, within `decider.timeout` of the policy of now and on this
  ///               loop, with errc::cancelled when that has passed; never when the question has
  ///               gone.
  /// @pre there is a decider
  pending_question(client_session& c, const policy::target& about, receiver heard);
  pending_question(const pending_question&) = delete;
  pending_question& operator=(const pending_question&) = delete;
  ~pending_question();

private:
  struct state;
  std::shared_ptr<state> state_;
  uint64_t& counted_in_; ///< Of the shard: questions that nobody has answered.
};

} // namespace proxy
