#include "actors/serve/decide/pending_question.hpp"

#include <caf/send.hpp>
#include <utility>

#include "actors/loop/task/request.hpp"
#include "actors/observe/log/log.hpp"

namespace proxy {

/// Shared with the request under way, which CAF cannot forget: its outcome may come later than the
/// question goes.
struct pending_question::state {
  decider_actor asked;
  uint64_t number;
  receiver heard; ///< Empty once there is nothing to be heard any more.

  void withdraw() const { caf::anon_send(asked, atom::withdraw_v, number); }

  void settle(caf::expected<decider_word> word) {
    auto tell = std::exchange(heard, nullptr);
    if (!tell)
      return;
    if (!word)
      withdraw();
    tell(std::move(word));
  }
};

pending_question::pending_question(client_session& c, const policy::target& about, receiver heard)
  : counted_in_(c.shard.counters.pending_questions) {
  ++counted_in_;
  auto& process = *c.shard.process;
  auto number = process.questions.fetch_add(1, std::memory_order_relaxed) + 1;
  auto decider = c.shard.decider();
  state_ = std::make_shared<state>(state{decider, number, std::move(heard)});
  open_question what{number, about, c.from.str(), std::string{c.user()}};
  request_until<decider_word>(
    &c.self, c.in(c.shard.config().decider.timeout), decider,
    [kept = state_](caf::expected<decider_word> word) { kept->settle(std::move(word)); },
    atom::decide_v, std::move(what));
}

pending_question::~pending_question() {
  --counted_in_;
  if (std::exchange(state_->heard, nullptr))
    state_->withdraw();
}

} // namespace proxy
