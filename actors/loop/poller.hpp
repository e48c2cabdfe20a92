#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace proxy {

/// What can be known of a file descriptor without asking it: a set of these bits.
enum io_bits : uint8_t {
  io_in = 1,   ///< A read may make progress.
  io_out = 2,  ///< A write may make progress.
  io_hup = 4,  ///< The peer sent its last byte; a read reaches the end after what is buffered.
  io_dead = 8, ///< Both directions are over: reset, or shut from both ends.
};

class call_batch;

/// How a write ended that was gathered with others (`call_batch`).
struct ended_write {
  std::string_view rest;   ///< What the kernel did not take. Valid during the call alone.
  int error = 0;           ///< errno where it failed for good.
  bool shuts_down = false; ///< The end of stream is still to be sent, after the rest.
};

/// Something with a file descriptor that a poller watches. Lives on one loop.
class io_source {
public:
  virtual ~io_source() = default;
  /// New readiness, already merged into `ready`. May destroy this object.
  virtual void on_ready() = 0;

  // -- for those whose calls are gathered --

  /// How many others an event of this one stands for: a listener's brings several connections.
  [[nodiscard]] virtual size_t weight() const noexcept { return 1; }
  /// Before `on_ready`: may queue a read.
  virtual void read_ahead(call_batch&) noexcept {}
  /// What was read ahead and not taken is about to go.
  virtual void keep_read(call_batch&) noexcept {}
  /// Being watched was asked for, and has failed so (errno); 0: is the case.
  virtual void watch_ended(int) noexcept {}
  /// A write of its own is over.
  virtual void write_ended(const ended_write&) noexcept {}

  int fd = -1;
  uint8_t ready = 0; ///< io_bits believed true; whoever meets EAGAIN clears the bit.
};

/// One readiness report.
struct io_event {
  io_source* source; ///< Set to nullptr when the source goes away while its report waits.
  uint8_t bits;
};

/// How a loop learns of readiness. Reports edges: a bit is reported when it turns true, and again
/// only after `ready` lost it. One per loop, used on its thread only
/// but for `wake`.
class poller {
public:
  virtual ~poller() = default;
  /// Watches a source until `remove`. @returns false when the kernel refuses (errno set).
  [[nodiscard]] virtual bool add(io_source& source) = 0;
  /// Watches a listening socket that several loops share; wakes few of them for one connection.
  [[nodiscard]] virtual bool add_shared(io_source& source) = 0;
  /// What the kernel knows this one by, for a call that adds a source together with others;
  /// -1: sources are added by `add` alone.
  [[nodiscard]] virtual int descriptor() const noexcept { return -1; }
  virtual void remove(io_source& source) = 0;
  /// As `remove`, for a descriptor that is closed right after: free where closing tells the kernel.
  virtual void forget(io_source& source) { remove(source); }
  /// Waits at most `timeout` (negative: for ever) and fills a prefix of `out`.
  [[nodiscard]] virtual size_t wait(std::span<io_event> out, std::chrono::milliseconds timeout) = 0;
  /// Has `wait` return at once, the next one if none waits. From any thread.
  virtual void wake() noexcept = 0;
};

/// epoll(7), edge-triggered; nullptr where the platform has none. These throw std::runtime_error
/// when descriptors have run out: a loop that cannot be woken would lose messages.
[[nodiscard]] std::unique_ptr<poller> make_epoll_poller();
/// poll(2): any POSIX system.
[[nodiscard]] std::unique_ptr<poller> make_poll_poller();
/// The best one here.
[[nodiscard]] std::unique_ptr<poller> make_poller();

} // namespace proxy
