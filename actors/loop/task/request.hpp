#pragma once

#include <caf/duration.hpp>
#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <memory>
#include <string>
#include <utility>

#include "actors/loop/event_loop.hpp"
#include "actors/loop/timer_wheel.hpp"
#include "protocols/error.hpp"

/// Requests of actors that live on a loop. Their deadlines are timers of that loop: those of CAF
/// take a lock of the whole process and wake a thread each time (see `pinned_actor::cleanup`).

namespace proxy {

/// What CAF is told of a deadline that the loop keeps.
inline constexpr caf::duration kept_by_the_loop{};

/// What became of a request that was not answered in time.
[[nodiscard]] inline caf::error no_answer_in_time() {
  return caf::make_error(errc::cancelled, std::string{"no answer in time"});
}

/// A request under way and its deadline. CAF cannot forget a response, so both may outlive the
/// outcome: whichever comes first is handed on, the other falls on nothing.
template <class Answer, class Handler>
class pending_request final : timer {
public:
  explicit pending_request(Handler handler) : handler_(std::move(handler)) {}

  void keep_until(event_loop& loop, steady_time deadline) { loop.arm(*this, deadline); }

  void settle(caf::expected<Answer> outcome) {
    if (std::exchange(settled_, true))
      return;
    this->unlink();
    handler_(std::move(outcome));
  }

private:
  void on_timer() override { settle(no_answer_in_time()); }

  Handler handler_;
  bool settled_ = false;
};

/// Asks an actor from one on a loop. `handler` gets, once and on this loop, the answer, the actor's
/// error, or errc::cancelled when the deadline passed. It is not called when `self` ends first.
/// For flows there is `ask`, for many requests under one deadline `kept_by_the_loop`.
template <class Answer, class Self, class Handle, class Handler, class... Ts>
void request_until(Self* self, steady_time deadline, const Handle& other, Handler handler,
                   Ts&&... xs) {
  auto pending = std::make_shared<pending_request<Answer, Handler>>(std::move(handler));
  pending->keep_until(self->loop(), deadline);
  self->request(other, kept_by_the_loop, std::forward<Ts>(xs)...)
    .then([pending](Answer& x) { pending->settle(std::move(x)); },
          [pending](caf::error& why) { pending->settle(std::move(why)); });
}

} // namespace proxy
