#pragma once

#include <cassert>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "actors/loop/task/frame_pool.hpp"

namespace proxy {

template <class T>
class task;

namespace detail {

struct task_promise_base {
  static void* operator new(size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, size_t size) noexcept { release_frame(frame, size); }

  struct final_awaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      auto& p = self.promise();
      if (p.on_done)
        p.on_done(p.owner); // a root: nobody awaits it
      // Whoever awaits is still on the stack below and goes on by itself. Resumed from here, a loop
      // over steps that are done at once would grow the stack with each (tail calls are made by -O2
      // only).
      if (p.starting)
        return std::noop_coroutine();
      return p.continuation ? p.continuation : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  final_awaiter final_suspend() const noexcept { return {}; }
  // Flows report failures as values; an exception here is bad_alloc or a broken promise of our own.
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  std::coroutine_handle<> continuation;
  bool starting = false; ///< Between the first resumption and the first suspension, when awaited.
  void (*on_done)(void*) noexcept = nullptr;
  void* owner = nullptr;
};

template <class T>
struct task_promise : task_promise_base {
  task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& x) {
    value.emplace(std::forward<U>(x));
  }
  T take() { return std::move(*value); }
  std::optional<T> value;
};

template <>
struct task_promise<void> : task_promise_base {
  task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const noexcept {}
};

} // namespace detail

/// A coroutine that runs when awaited and is owned by whoever holds it: destroying the task cancels
/// what it waits for. Runs on one loop only.
template <class T = void>
class [[nodiscard]] task {
public:
  using promise_type = detail::task_promise<T>;
  using handle = std::coroutine_handle<promise_type>;

  task() noexcept = default;
  explicit task(handle h) noexcept : handle_(h) {}
  task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~task() { reset(); }

  /// Cancels: destroys the frame and with it whatever it waits for.
  void reset() noexcept {
    if (handle_)
      std::exchange(handle_, {}).destroy();
  }

  [[nodiscard]] bool done() const noexcept { return !handle_ || handle_.done(); }

  /// Starts a root task; `on_done(owner)` is called at its end, still inside the coroutine: it must
  /// not destroy the task.
  void start(void* owner, void (*on_done)(void*) noexcept) {
    assert(handle_ && !handle_.done());
    handle_.promise().owner = owner;
    handle_.promise().on_done = on_done;
    handle_.resume();
  }

  /// What a root task has returned. Once, and not before `on_done`.
  T take() { return handle_.promise().take(); }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> caller) noexcept {
    auto& promise = handle_.promise();
    promise.continuation = caller;
    promise.starting = true;
    handle_.resume();
    promise.starting = false;
    return !handle_.done();
  }
  T await_resume() { return handle_.promise().take(); }

private:
  handle handle_;
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object() noexcept {
  return task<T>{std::coroutine_handle<task_promise>::from_promise(*this)};
}

inline task<void> task_promise<void>::get_return_object() noexcept {
  return task<void>{std::coroutine_handle<task_promise>::from_promise(*this)};
}

} // namespace detail

} // namespace proxy
