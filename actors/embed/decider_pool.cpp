#include "actors/embed/decider_pool.hpp"

#include <algorithm>
#include <mutex>
#include <stop_token>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/embed/future_watch.hpp"
#include "actors/embed/translate.hpp"

namespace proxy::embed {

/// Shared with the replies: those that come after the end find nothing here.
struct open_questions {
  struct question {
    outside_decider::word_taker said;
    std::stop_source cancelled;
  };

  std::mutex lock;
  std::unordered_map<uint64_t, question> all; ///< By number.
  bool over = false;

  /// Whether anybody waits for the word.
  [[nodiscard]] bool has(uint64_t number) {
    std::lock_guard guard{lock};
    return all.contains(number);
  }

  /// Under the lock, so that nothing is said once the question has gone. It is a message, and waits
  /// for nobody.
  void settle(uint64_t number, caf::expected<decider_word> word) {
    std::lock_guard guard{lock};
    if (auto entry = all.extract(number))
      entry.mapped().said(std::move(word));
  }
};

namespace {

caf::error no_answer(std::string why) { return caf::make_error(errc::system, std::move(why)); }

} // namespace

} // namespace proxy::embed

namespace codex {

struct decision_reply::state {
  std::weak_ptr<proxy::embed::open_questions> open;
  uint64_t number;

  state(const std::shared_ptr<proxy::embed::open_questions>& all, uint64_t of)
    : open(all), number(of) {}
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { settle(proxy::embed::no_answer("the decider let go of the question")); }

  void settle(caf::expected<proxy::decider_word> word) const {
    if (auto all = open.lock())
      all->settle(number, std::move(word));
  }
};

void decision_reply::operator()(network_decision answer) const {
  if (to_)
    to_->settle(proxy::embed::translate(std::move(answer)));
}

} // namespace codex

namespace proxy::embed {

decider_pool::decider_pool(function decide, codex::connection_attributes attributes, size_t threads)
  : decide_(std::make_shared<const function>(std::move(decide))),
    attributes_(std::move(attributes)), open_(std::make_shared<open_questions>()),
    callers_(std::max<size_t>(threads, 1), max_waiting), cancellers_(1, max_waiting) {}

decider_pool::~decider_pool() { end(); }

void decider_pool::ask(const open_question& what, word_taker said) {
  codex::policy_request request{
    translate(what.to.protocol),
    std::string{what.to.host.text()},
    what.to.port,
    what.client,
    what.user,
    what.to.method,
    attributes_.command,
    attributes_.exec_policy_hint,
    attributes_.more,
    {},
  };
  {
    std::lock_guard guard{open_->lock};
    if (open_->over)
      return said(no_answer("the proxy ends"));
    auto& entry = open_->all[what.number];
    entry.said = std::move(said);
    request.cancelled = entry.cancelled.get_token();
  }
  // The function is shared, as its call may outlive the pool.
  auto called = callers_.post(
    [decide = decide_, request = std::move(request), open = open_, number = what.number] {
      auto reply =
        codex::decision_reply{std::make_shared<codex::decision_reply::state>(open, number)};
      // Not by the token: it is told in its own time, and may not know yet.
      if (open->has(number))
        (*decide)(request, std::move(reply));
    });
  if (!called)
    open_->settle(what.number, no_answer("too many questions wait for the decider"));
}

void decider_pool::withdraw(uint64_t number) {
  std::stop_source cancelled{std::nostopstate};
  {
    std::lock_guard guard{open_->lock};
    auto entry = open_->all.extract(number);
    if (!entry)
      return;
    cancelled = std::move(entry.mapped().cancelled);
  }
  // Not here: whoever is told may take his time. Where it cannot be told, the answer falls on
  // nothing all the same.
  (void)cancellers_.post([cancelled] { (void)std::stop_source{cancelled}.request_stop(); });
}

void decider_pool::end(callback_pool::clock::time_point deadline) noexcept {
  std::unordered_map<uint64_t, open_questions::question> left;
  {
    std::lock_guard guard{open_->lock};
    if (std::exchange(open_->over, true))
      return;
    left.swap(open_->all);
  }
  std::vector<std::stop_source> cancelled;
  cancelled.reserve(left.size());
  for (auto& [number, question] : left)
    cancelled.push_back(std::move(question.cancelled));
  left.clear(); // the loops that asked are there still
  (void)cancellers_.post([cancelled = std::move(cancelled)]() mutable {
    for (auto& each : cancelled)
      (void)each.request_stop();
  });
  (void)cancellers_.drain(deadline);
  callers_.end(deadline);
  cancellers_.end(deadline);
}

decider_pool::function
answering(std::function<codex::network_decision(const codex::policy_request&)> decide) {
  return
    [decide = std::move(decide)](const codex::policy_request& request,
                                 const codex::decision_reply& reply) { reply(decide(request)); };
}

decider_pool::function answering_later(
  std::function<std::future<codex::network_decision>(const codex::policy_request&)> decide) {
  return [decide = std::move(decide), watch = std::make_shared<future_watch>()](
           const codex::policy_request& request, codex::decision_reply reply) {
    watch->add(decide(request), std::move(reply));
  };
}

} // namespace proxy::embed
