#pragma once

#include <coroutine>

#include "actors/loop/event_loop.hpp"

namespace proxy {

/// The one place a flow waits at. Sockets, timers and message handlers of the same loop fire it; the flow
/// then looks again at what it was waiting for, so a wake-up too many does no harm.
class waker final : timer {
public:
  explicit waker(event_loop& on) noexcept : loop_(on) {}

  /// Resumes the flow, if it waits.
  void fire() {
    if (flow_)
      std::exchange(flow_, {}).resume();
  }

  /// `co_await w.until(deadline)`: suspends until `fire`. @returns false when the deadline passed first.
  [[nodiscard]] auto until(steady_time deadline) noexcept { return awaiter{*this, deadline}; }

  [[nodiscard]] event_loop& loop() const noexcept { return loop_; }
  [[nodiscard]] bool waiting() const noexcept { return static_cast<bool>(flow_); }

private:
  struct awaiter {
    awaiter(waker& w, steady_time d) noexcept : self(w), deadline(d) {}
    awaiter(const awaiter&) = delete;
    ~awaiter() { self.flow_ = {}; }

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> flow) noexcept {
      self.flow_ = flow;
      self.expired_ = false;
      self.deadline_ = deadline;
      self.loop_.arm(self, deadline);
    }
    bool await_resume() const noexcept { return !self.expired_; }

    waker& self;
    steady_time deadline;
  };

  void on_timer() override {
    if (!flow_)
      return; // armed lazily: the flow went on long ago
    if (loop_.now() < deadline_) {
      loop_.arm(*this, deadline_);
      return;
    }
    expired_ = true;
    fire();
  }

  event_loop& loop_;
  std::coroutine_handle<> flow_;
  steady_time deadline_{};
  bool expired_ = false;
};

} // namespace proxy
