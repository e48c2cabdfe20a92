#pragma once

#include <codex/network_proxy.hpp>

#include <functional>
#include <future>
#include <memory>
#include <string>

#include "actors/embed/callback_pool.hpp"
#include "actors/serve/decide/outside_decider.hpp"

namespace proxy::embed {

/// The decider of the program, on threads of its own: it may block, throw, answer late or never.
class decider_pool final : public outside_decider {
public:
  using function = std::function<void(const codex::policy_request&, codex::decision_reply)>;

  /// Questions that wait for a thread. One beyond that is not answered.
  static constexpr size_t max_waiting = 20'000;

  /// @param threads  Calls that may be under way at a time, at least 1.
  decider_pool(function decide, codex::connection_attributes attributes, size_t threads);
  ~decider_pool() override;

  void ask(const open_question& what, word_taker said) override;
  void withdraw(uint64_t number) override;

  /// Nobody waits for anything any more: tells those who are asked, and waits for the calls under
  /// way as `callback_pool::end` does, for all of them together until the deadline. Before the
  /// loops end that asked. Once; after that it does nothing.
  void end(callback_pool::clock::time_point deadline = callback_pool::clock::now() +
                                                       callback_pool::end_patience) noexcept;

private:
  const std::shared_ptr<const function> decide_;
  const codex::connection_attributes attributes_;
  std::shared_ptr<struct open_questions> open_;
  callback_pool callers_;
  callback_pool cancellers_; ///< By itself: callers may all be waiting to be cancelled.
};

/// A decider that answers by its value.
[[nodiscard]] decider_pool::function
answering(std::function<codex::network_decision(const codex::policy_request&)> decide);

/// One that answers by a future, which a thread of its own looks after.
[[nodiscard]] decider_pool::function answering_later(
  std::function<std::future<codex::network_decision>(const codex::policy_request&)> decide);

} // namespace proxy::embed
