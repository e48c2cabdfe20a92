#pragma once

#include <sys/uio.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/loop/calls/socket_call.hpp"
#include "actors/loop/poller.hpp"
#include "actors/loop/system/sockaddr.hpp"

namespace proxy {

class event_loop;

/// The calls of a turn, gathered to be made together: reads for all sockets that have become ready
/// before their flows run, and what the flows write and close when they have run. A system call
/// costs more than what most of them do, so this halves the price of a small round trip.
///
/// The kernel has no buffer of ours once `run` is over. What a socket has not taken of what was
/// read for it by the end of the slice, and what the kernel does not take of what is written, goes
/// back to the socket.
class call_batch {
public:
  /// Sockets that are read ahead at once; the events of a turn go in slices of this size.
  static constexpr size_t slots = 32;
  /// Read ahead of each, in bytes: a whole TLS record and its head fit.
  static constexpr size_t slot_size = 20 * 1024;
  /// Written in one call at most: what is larger costs more to copy than it saves.
  static constexpr size_t max_write = 20 * 1024;

  explicit call_batch(event_loop& loop) noexcept : loop_(loop) {}
  call_batch(const call_batch&) = delete;
  call_batch& operator=(const call_batch&) = delete;

  /// With fewer events in a turn its calls are made at once. Measured: with one there is nothing to
  /// be saved, with two a sixth.
  static constexpr size_t worth_gathering = 2;

  /// From the next turn on the calls of those with at least so many events are gathered.
  /// @param how  What makes them. nullptr: none are gathered.
  void use(std::unique_ptr<call_executor> how, size_t from_events = worth_gathering);
  /// Tells why, as errno, when that had to give up; from then on none are gathered.
  void when_given_up(std::function<void(int error)> then) { given_up_ = std::move(then); }

  /// How long a peer may take over what a closed socket still owes it (`lingering`).
  void linger_for(std::chrono::milliseconds patience) noexcept { patience_ = patience; }
  [[nodiscard]] std::chrono::milliseconds patience() const noexcept { return patience_; }

  /// A turn with these events begins.
  void begin_turn(std::span<const io_event> events) noexcept;
  /// Calls of this turn are gathered; otherwise nothing may be queued.
  [[nodiscard]] bool gathers() const noexcept { return gathers_; }
  /// Makes what has been gathered.
  void run() noexcept;
  /// The same; afterwards every descriptor that was to be closed is.
  void flush() noexcept {
    run();
    run(); // what the first one has found to be closed
  }
  /// Nothing is gathered from here to the next turn.
  void end_turn() noexcept {
    flush();
    if (std::exchange(gathers_, false) && how_->gave_up() != 0)
      give_up();
  }

  // -- reads --

  /// What was read ahead for a socket, as long as its slice of the turn lasts.
  struct slot {
    io_source* owner = nullptr;
    ssize_t result = 0; ///< As for `socket_call`.
    size_t taken = 0;   ///< Of what was read.
  };
  /// Queues a read. @returns the number of the slot that gets it, from 1 on; 0: there is none.
  [[nodiscard]] uint8_t read(io_source& who) noexcept;
  [[nodiscard]] slot& at(uint8_t number) noexcept { return slots_[number - 1U]; }
  [[nodiscard]] const char* bytes_of(uint8_t number) const noexcept {
    return slot_bytes_.get() + (number - 1U) * slot_size;
  }
  /// The socket needs its slot no more.
  void release(uint8_t number) noexcept { at(number).owner = nullptr; }
  /// A slice of the turn is over: sockets keep what they have not taken (`keep_read`).
  void end_slice() noexcept;

  // -- accepting --

  /// Accepted at once, at most.
  static constexpr size_t most_accepted = 16;
  /// What a queued call to accept came to.
  struct accepted {
    io_source* owner = nullptr; ///< nullptr: was taken.
    int fd = -1;                ///< Of the connection; the error, negative, where there is none.
    ip_sockaddr peer;
  };
  /// Queues calls to accept, `count` of them or as many as there is room for. @returns whether
  /// there is room for any.
  [[nodiscard]] bool accept(io_source& listener, size_t count) noexcept;
  /// What the next of them came to, in their order. @returns nullptr when there are no more.
  [[nodiscard]] const accepted* next_accepted(const io_source& listener) noexcept;

  // -- watching --

  /// Queues that a source is watched, which hears when that fails (`watch_ended`).
  /// @returns its number, from 1 on.
  [[nodiscard]] uint16_t watch(io_source& who, poller& by) noexcept;

  // -- writes --

  /// Takes back what is queued.
  void drop(uint16_t number) noexcept {
    notes_[number - 1U] = {};
    calls_[number - 1U].what = socket_call::kind::none;
  }

  /// Queues a copy of `parts`, `size` bytes in all, at most `max_write`. Its owner hears how it
  /// ended (`write_ended`). @returns its number, from 1 on.
  [[nodiscard]] uint16_t write(io_source& who, std::span<const iovec> parts, size_t size) noexcept;
  /// Adds to the last call. @returns false where that is another one, or there is no room.
  [[nodiscard]] bool append(uint16_t number, std::span<const iovec> parts, size_t size) noexcept;
  /// Sends the end of stream after what is queued.
  void shut_down_after(uint16_t number) noexcept { notes_[number - 1U].shuts_down = true; }
  /// Closes after what is queued, which belongs to nobody from now on. What does not go at once is
  /// still sent (`lingering`).
  void close_after(uint16_t number) noexcept { notes_[number - 1U].owner = nullptr; }
  /// Queues the closing of a descriptor.
  void close(int fd) noexcept;

private:
  /// What is known of a call besides.
  struct note {
    io_source* owner = nullptr;
    bool shuts_down = false;
  };
  struct page_memory {
    static constexpr std::align_val_t border{4096};
    void operator()(char* p) const noexcept { ::operator delete[](p, border); }
  };
  using pages = std::unique_ptr<char[], page_memory>;

  static constexpr size_t most_calls = 256;
  static constexpr size_t write_room = 256 * 1024;

  void give_up() noexcept;
  size_t add(const socket_call& call, io_source* owner) noexcept;
  void ended(const socket_call& call, const note& of) noexcept;
  void close_rest() noexcept;
  void write_ended(const socket_call& call, const note& of) noexcept;

  event_loop& loop_;
  std::unique_ptr<call_executor> how_;
  std::function<void(int)> given_up_;
  size_t from_events_ = worth_gathering;
  bool gathers_ = false;
  std::chrono::milliseconds patience_ = std::chrono::minutes{1};
  std::vector<socket_call> calls_;
  std::vector<note> notes_; ///< One for each of them.
  std::vector<int> to_close_;
  pages slot_bytes_;
  std::array<slot, slots> slots_{};
  size_t used_slots_ = 0;
  std::array<accepted, most_accepted> accepted_;
  size_t accepts_ = 0; ///< Of these, in use.
  pages write_bytes_;
  size_t written_ = 0; ///< Of it, in use.
};

} // namespace proxy
