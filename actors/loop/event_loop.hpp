#pragma once

#include <atomic>
#include <caf/actor_control_block.hpp>
#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/loop/calls/call_batch.hpp"
#include "actors/loop/inbox.hpp"
#include "actors/loop/memory_account.hpp"
#include "actors/loop/pipe_pool.hpp"
#include "actors/loop/poller.hpp"
#include "actors/loop/system/machine.hpp"
#include "actors/loop/timer_wheel.hpp"

namespace proxy {

class ready_handler;

/// One thread's event loop, as a CAF execution unit: the actors pinned to it run their messages
/// here and watch their descriptors here, so nothing they touch needs a lock.
///
/// A turn: readiness, messages from other threads, messages from this one, timers, deferred
/// releases. In a turn with several events the calls on their sockets are gathered (`call_batch`).
class event_loop final : public caf::execution_unit {
public:
  /// @param how  nullptr: as the network of the machine has it.
  explicit event_loop(caf::actor_system& system, const machine& on = this_machine(),
                      std::unique_ptr<poller> how = nullptr);
  ~event_loop() override;

  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  /// Runs on the calling thread until `stop`, then drains what is queued.
  void run();
  /// One turn, waiting at most `wait` for something to happen. For tests and `run`.
  void turn(std::chrono::milliseconds wait);
  /// From any thread.
  void stop() noexcept;

  /// From any thread. Pinned actors and function objects run here, all else goes to the scheduler.
  void exec_later(caf::resumable* what) override;

  // -- for what lives on this loop (its thread only) --

  [[nodiscard]] bool watch(io_source& source) { return poller_->add(source); }
  /// As `watch`, together with the other calls of this turn. @returns the number of the call.
  [[nodiscard]] uint16_t watch_later(io_source& source) noexcept {
    return calls_.watch(source, *poller_);
  }
  [[nodiscard]] bool watch_shared(io_source& source) { return poller_->add_shared(source); }
  /// Stops watching; a report of this turn that still waits is dropped.
  void unwatch(io_source& source);
  /// As `unwatch` for a descriptor that is closed right after, which tells the kernel by itself.
  void forget(io_source& source);

  void arm(timer& t, steady_time expiry) noexcept { wheel_.arm(t, expiry); }

  [[nodiscard]] const machine& on() const noexcept { return on_; }
  [[nodiscard]] proxy::network& network() const noexcept { return on_.network; }
  /// The moment this turn began: coarse, and free.
  [[nodiscard]] steady_time now() const noexcept { return now_; }
  /// The time of day.
  [[nodiscard]] wall_time wall() const noexcept { return on_.clock.wall(); }

  /// When it has something to do without news from elsewhere: at once, when a timer is due, or
  /// never (nullopt).
  [[nodiscard]] std::optional<steady_time> next_turn() const noexcept;

  /// Actors that this turn has found mail for, and those that got some since.
  [[nodiscard]] size_t actors_with_mail() const noexcept { return running_.size() + local_.size(); }

  /// Keeps an actor alive until the end of the turn, when its own code is surely off the stack.
  void release_later(caf::strong_actor_ptr what) { deferred_.push_back(std::move(what)); }

  /// Hands a source its events in the next turn, which then does not wait.
  void rouse(io_source& source) { roused_.push_back(&source); }
  /// The calls of this turn.
  [[nodiscard]] call_batch& calls() noexcept { return calls_; }

  /// Owns a source that nobody else does, until it is `disowned`: what a closed socket still owes.
  void own(std::unique_ptr<io_source> source) { owned_.push_back(std::move(source)); }
  void disown(io_source& source) noexcept;
  /// Those that it owns, the oldest first.
  [[nodiscard]] std::span<const std::unique_ptr<io_source>> owned() const noexcept {
    return owned_;
  }
  /// Calls this whenever it owns none any more.
  void when_none_is_owned(std::function<void()> then) { none_owned_ = std::move(then); }

  /// Keeps something as long as the loop: what was lost, but is still referred to from here.
  void keep(std::shared_ptr<void> what) { kept_.push_back(std::move(what)); }

  /// Fires a handler in the next turn, which then does not wait.
  void again(ready_handler& who) { again_.push_back(&who); }
  /// Takes that back: the handler goes away.
  void not_again(ready_handler& who) noexcept;

  /// Read buffer, free for use between two suspensions.
  [[nodiscard]] std::span<char> scratch() noexcept { return {scratch_.get(), scratch_size}; }
  /// Write buffer with kept capacity, free for use between two suspensions.
  [[nodiscard]] std::string& out() noexcept { return out_; }
  [[nodiscard]] pipe_pool& pipes() noexcept { return pipes_; }
  /// What the buffers of this loop's peers hold.
  [[nodiscard]] memory_account& memory() noexcept { return memory_; }

  static constexpr size_t scratch_size = 256 * 1024;

private:
  void run_one(caf::resumable* what);
  void hand_out_events();
  void read_ahead(size_t end) noexcept;
  void drop_reports(io_source& source) noexcept;

  machine on_;
  std::unique_ptr<poller> poller_;
  inbox inbox_;
  std::vector<caf::resumable*> local_;
  std::vector<caf::resumable*> running_;
  std::vector<caf::strong_actor_ptr> deferred_;
  std::vector<std::shared_ptr<void>> kept_;
  std::vector<ready_handler*> again_;
  std::vector<ready_handler*> firing_;
  std::vector<io_event> events_;
  std::vector<io_source*> roused_;
  std::vector<std::unique_ptr<io_source>> owned_;
  std::function<void()> none_owned_;
  size_t next_event_ = 0;
  size_t event_count_ = 0;
  steady_time now_;
  timer_wheel wheel_;
  std::atomic<bool> stopping_ = false;
  /// On page borders: the kernel copies out of it, and does so slower from anywhere else.
  struct page_memory {
    static constexpr std::align_val_t border{4096};
    void operator()(char* p) const noexcept { ::operator delete[](p, border); }
  };
  std::unique_ptr<char[], page_memory> scratch_;
  std::string out_;
  pipe_pool pipes_{on_.network};
  memory_account memory_;
  call_batch calls_;
};

} // namespace proxy
