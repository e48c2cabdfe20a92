#pragma once

#include <coroutine>

#include "actors/loop/event_loop.hpp"

namespace proxy {

/// What a socket tells of new readiness.
class ready_handler {
public:
  virtual ~ready_handler() = default;
  /// May destroy the socket and this object.
  virtual void fire() = 0;
};

/// The one place a flow waits at. Sockets, timers and message handlers of the same loop fire it;
/// the flow then looks again at what it was waiting for, so a wake-up too many does no harm.
class waker final : public ready_handler, timer {
public:
  explicit waker(event_loop& on) noexcept : loop_(on) {}
  ~waker() override { loop_.not_again(*this); }

  /// Resumes the flow, if it waits.
  void fire() override {
    if (flow_)
      std::exchange(flow_, {}).resume();
  }

  /// `co_await w.until(deadline)`: suspends until `fire`. @returns false when the deadline passed
  /// first.
  [[nodiscard]] auto until(steady_time deadline) noexcept { return awaiter{*this, deadline}; }

  /// `co_await w.next_turn()`: lets everything else of the loop have its turn first.
  [[nodiscard]] auto next_turn() noexcept { return yielder{*this}; }

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
      self.loop_.arm(self, deadline);
    }
    bool await_resume() const noexcept { return !self.expired_; }

    waker& self;
    steady_time deadline;
  };

  struct yielder {
    explicit yielder(waker& w) noexcept : self(w) {}
    yielder(const yielder&) = delete;
    ~yielder() {
      self.flow_ = {};
      self.loop_.not_again(self); // fired by something else first: the place in the queue is void
    }

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> flow) noexcept {
      self.flow_ = flow;
      self.loop_.again(self);
    }
    void await_resume() const noexcept {}

    waker& self;
  };

  void on_timer() override {
    if (!flow_)
      return; // armed lazily: the flow went on long ago
    expired_ = true;
    fire();
  }

  event_loop& loop_;
  std::coroutine_handle<> flow_;
  bool expired_ = false;
};

} // namespace proxy
