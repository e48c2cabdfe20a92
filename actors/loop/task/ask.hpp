#pragma once

#include <caf/expected.hpp>
#include <memory>
#include <optional>
#include <type_traits>

#include "actors/loop/task/request.hpp"
#include "actors/loop/task/task.hpp"
#include "actors/loop/task/waker.hpp"

namespace proxy {

/// Asks an actor and waits for its answer: `auto x = co_await ask<answer>(self, waker, deadline,
/// other, atom…)`.
///
/// CAF cannot forget a pending response, so the handler and the flow share a slot: when the flow is
/// cancelled or its deadline passes the slot is emptied, and the late answer falls on nothing.
/// @returns the answer, the actor's error, or errc::cancelled when the deadline passed.
template <class Answer, class Self, class Handle, class... Ts>
task<caf::expected<Answer>> ask(Self* self, waker& wakes, steady_time deadline, Handle other,
                                Ts... xs) {
  struct slot {
    waker* wakes;
    std::optional<caf::expected<Answer>> answer;
    void set(caf::expected<Answer> x) {
      if (!wakes)
        return;
      answer.emplace(std::move(x));
      wakes->fire();
    }
  };
  struct guard {
    explicit guard(std::shared_ptr<slot> s) : shared(std::move(s)) {}
    guard(const guard&) = delete;
    ~guard() { shared->wakes = nullptr; }
    std::shared_ptr<slot> shared;
  };
  guard g{std::make_shared<slot>()};
  g.shared->wakes = &wakes;
  auto shared = g.shared;
  self->request(other, kept_by_the_loop, std::move(xs)...)
    .then([shared](Answer& x) { shared->set(std::move(x)); },
          [shared](caf::error& e) { shared->set(std::move(e)); });
  while (!shared->answer) {
    auto in_time = co_await wakes.until(deadline);
    if (!in_time)
      co_return no_answer_in_time();
  }
  co_return std::move(*shared->answer);
}

} // namespace proxy
