#pragma once

#include <caf/expected.hpp>
#include <memory>
#include <utility>

#include "actors/loop/task/request.hpp"
#include "actors/loop/task/task.hpp"
#include "actors/loop/task/waker.hpp"

namespace proxy {

/// Questions to several actors at once, under one deadline:
///
///     questions all{self, waker};
///     auto one = all.ask<A>(this_one, atom…);
///     auto two = all.ask<B>(that_one, atom…);
///     co_await all.wait_until(deadline);
///     if (*one) …
///
/// An outcome is the answer, the actor's error, or errc::cancelled when the deadline passed first.
/// It does not change any more once the wait is over: a late answer falls on nothing.
template <class Self>
class questions {
public:
  questions(Self* self, waker& wakes) : self_(self), shared_(std::make_shared<state>()) {
    shared_->wakes = &wakes;
  }
  questions(const questions&) = delete;
  questions& operator=(const questions&) = delete;
  ~questions() { shared_->wakes = nullptr; }

  /// Sends one. @returns where its outcome will be; never null.
  template <class Answer, class Handle, class... Ts>
  [[nodiscard]] std::shared_ptr<caf::expected<Answer>> ask(const Handle& whom, Ts... xs) {
    auto into = std::make_shared<caf::expected<Answer>>(no_answer_in_time());
    ++shared_->open;
    self_->request(whom, kept_by_the_loop, std::move(xs)...)
      .then([into, shared = shared_](Answer& x) { shared->settle(*into, std::move(x)); },
            [into, shared = shared_](caf::error& why) { shared->settle(*into, std::move(why)); });
    return into;
  }

  /// Waits until all are answered, or the deadline. Once.
  task<void> wait_until(steady_time deadline) {
    while (shared_->open > 0)
      if (auto in_time = co_await shared_->wakes->until(deadline); !in_time)
        break;
    shared_->wakes = nullptr;
  }

private:
  struct state {
    waker* wakes = nullptr; ///< Null once nobody waits any more.
    size_t open = 0;        ///< Not answered yet.

    template <class Answer, class Outcome>
    void settle(caf::expected<Answer>& into, Outcome&& outcome) {
      if (!wakes)
        return;
      into = std::forward<Outcome>(outcome);
      if (--open == 0)
        wakes->fire();
    }
  };

  Self* self_;
  std::shared_ptr<state> shared_; ///< With the answers to come: CAF cannot forget them.
};

} // namespace proxy
