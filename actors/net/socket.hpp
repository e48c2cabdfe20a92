#pragma once

#include <sys/uio.h>

#include <span>
#include <string_view>

#include "actors/loop/event_loop.hpp"
#include "actors/loop/task/waker.hpp"
#include "protocols/ip_address.hpp"
#include "tls/carrier.hpp"

namespace proxy {

/// What a socket call came to.
struct io_result {
  enum class status : uint8_t {
    ok,          ///< `size` bytes moved.
    would_block, ///< Nothing now: wait.
    end,         ///< The peer sent its last byte.
    failed,      ///< errno in `error`.
  };
  status what = status::ok;
  int error = 0;
  size_t size = 0;

  [[nodiscard]] bool ok() const noexcept { return what == status::ok; }
  [[nodiscard]] bool blocked() const noexcept { return what == status::would_block; }
  [[nodiscard]] bool ended() const noexcept { return what == status::end; }
  [[nodiscard]] bool failed() const noexcept { return what == status::failed; }
};

/// A non-blocking stream socket of one loop, owned. New readiness fires the waker of the flow it
/// belongs to.
///
/// A call that moves less than asked has emptied the socket's buffer, so `may_read` turns false
/// without the extra call that would meet EAGAIN.
///
/// In a turn that gathers its calls (`call_batch`) the socket is read before its flow runs, and
/// what the flow writes, shuts down or closes is done when the turn ends, in this order. The flow
/// sees the same results: what it has written counts as taken, as if the kernel's buffer were that
/// much larger; a failure shows at its next call.
class socket final : io_source, public tls::carrier {
public:
  socket() = default;
  socket(const socket&) = delete;
  socket& operator=(const socket&) = delete;
  ~socket() override { close(); }

  enum class origin : uint8_t {
    accepted,
    dialled, ///< Without the options that what is accepted has from its listener.
  };
  /// Takes over `descriptor` (non-blocking) and watches it.
  /// @returns false when it cannot be watched; it is closed then. In a turn that gathers its calls
  /// that shows at the first use instead.
  [[nodiscard]] bool open(event_loop& on, int descriptor, ready_handler* wakes,
                          origin from = origin::accepted);
  void close() noexcept;
  /// Closes with a reset, so that the peer cannot take what it has for the whole.
  void abort() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return fd >= 0; }
  [[nodiscard]] int descriptor() const noexcept { return fd; }
  /// The address of our end.
  [[nodiscard]] ip_sockaddr local_address() const noexcept {
    return fd >= 0 ? loop_->network().local_address(fd) : ip_sockaddr{};
  }
  /// As `network::translated_address`.
  [[nodiscard]] std::optional<ip_sockaddr> translated_address() const noexcept {
    return fd >= 0 ? loop_->network().translated_address(fd) : std::nullopt;
  }

  /// As `network::keep_alive`: what is silent for long needs it, what is soon over does without.
  void keep_alive() noexcept {
    if (fd >= 0 && !std::exchange(kept_alive_, true))
      loop_->network().keep_alive(fd);
  }

  [[nodiscard]] bool is_kept_alive() const noexcept { return kept_alive_; }

  /// Hands its events to another flow (a pooled connection that is taken into use), or to none.
  void belong_to(ready_handler* wakes) noexcept { waker_ = wakes; }

  [[nodiscard]] bool may_read() const noexcept { return (ready & io_in) != 0; }
  [[nodiscard]] bool may_write() const noexcept { return (ready & io_out) != 0; }
  /// Bytes, or the end, were read ahead: the next read gets them, and no splice would.
  [[nodiscard]] bool has_read_ahead() const noexcept { return slot_ != 0 || kept_; }
  /// The peer has sent its last byte, though some may still be unread. Where the system does not
  /// tell, a read finds out.
  [[nodiscard]] bool peer_done() const noexcept { return (ready & io_hup) != 0; }

  /// What counts as written waits for room. (What waits for the end of the turn does not count.)
  [[nodiscard]] bool owes_bytes() const noexcept { return kept_ && !kept_->unsent.empty(); }

  /// Both directions are over.
  [[nodiscard]] bool dead() const noexcept { return (ready & io_dead) != 0; }
  /// errno of a write that had counted as taken and then failed, once; 0 for none. Until it is
  /// asked for, a read that finds nothing fails, too.
  [[nodiscard]] int take_lost_write() noexcept {
    return kept_ ? std::exchange(kept_->lost_write, 0) : 0;
  }
  /// A library that reads and writes the descriptor itself has emptied or filled it.
  void met_read_block() noexcept {
    // With the peer's end already seen there is one more thing to read: the end itself.
    if (!peer_done())
      ready &= static_cast<uint8_t>(~io_in);
  }
  /// It can read nothing before it has written: though something is there, it does not count.
  /// Room comes as an event, which tells of all that is there; who went on to try would never
  /// wait, nor look at its deadline.
  void met_read_block_for_room() noexcept { ready &= static_cast<uint8_t>(~(io_in | io_out)); }
  void met_write_block() noexcept { ready &= static_cast<uint8_t>(~io_out); }

  [[nodiscard]] io_result read(std::span<char> into) noexcept;
  [[nodiscard]] io_result write(std::string_view bytes) noexcept;
  [[nodiscard]] io_result write(std::span<const iovec> parts) noexcept;
  /// Moves up to `limit` bytes into an empty pipe without copying. @pre not `has_read_ahead()` (One
  /// without room left would make the socket look empty: the kernel says the same of both.)
  [[nodiscard]] io_result splice_to(pipe_ends to, size_t limit) noexcept;
  /// Moves up to `size` bytes out of a pipe.
  [[nodiscard]] io_result splice_from(pipe_ends from, size_t size, bool more) noexcept;
  /// Sends the end of stream.
  void shutdown_write() noexcept;
  /// Asks the kernel whether a read would find something (bytes or the end), where `may_read` only
  /// believes it.
  [[nodiscard]] bool has_input() noexcept;
  /// The error that a connect(2) ended with, 0 for none.
  [[nodiscard]] int take_error() noexcept {
    auto error = loop_->network().take_error(fd);
    return error == 0 && kept_ ? kept_->write_error : error;
  }

private:
  // For TLS, which tells by its steps what it met: see `met_read_block`.
  ssize_t receive(char* into, size_t room) noexcept override;
  ssize_t send(const char* bytes, size_t count, bool more) noexcept override;

  void on_ready() override;
  void read_ahead(call_batch& calls) noexcept override;
  void keep_read(call_batch& calls) noexcept override;
  void watch_ended(int error) noexcept override;
  void write_ended(const ended_write& what) noexcept override;

  [[nodiscard]] io_result finish_read(ssize_t n, size_t asked, bool short_means_empty) noexcept;
  [[nodiscard]] io_result finish_write(ssize_t n, size_t asked) noexcept;

  /// Nagle's algorithm (RFC 9293 §3.7.4) holds back a small write while another one is not yet
  /// acknowledged. So the first needs no option, and most tunnels that are soon over get by on it.
  enum class small_writes : uint8_t { first, wait, go_at_once };
  void let_small_writes_go() noexcept;

  /// What a turn that gathered its calls has left over: few sockets ever have it.
  struct leftover {
    explicit leftover(memory_account& on) noexcept : on_account(on) {}
    std::string unread; ///< Was read ahead, from `taken` on.
    size_t taken = 0;
    bool more_came = false;  ///< The socket is not empty behind it.
    bool end = false;        ///< The end comes after it.
    int read_error = 0;      ///< The next read fails so.
    std::string unsent;      ///< Still to be written before anything else.
    bool shuts_down = false; ///< After that.
    int write_error = 0;     ///< Every write fails so.
    int lost_write = 0;      ///< The same, until it has been told.
    held_bytes on_account;
  };

  void leave_calls() noexcept;
  void note_size(ssize_t read) noexcept {
    is_bulk_ = static_cast<size_t>(read) >= call_batch::slot_size;
  }
  /// As `network::read`: what was read ahead comes first.
  [[nodiscard]] ssize_t take(std::span<char> into) noexcept;
  [[nodiscard]] leftover& kept();
  [[nodiscard]] bool has_unread() const noexcept;
  [[nodiscard]] bool has_kept_input() const noexcept;
  [[nodiscard]] ssize_t receive_slot(std::span<char> into) noexcept;
  [[nodiscard]] ssize_t receive_kept(std::span<char> into) noexcept;
  [[nodiscard]] ssize_t receive_rest(std::span<char> into, size_t got) noexcept;
  /// As `network::write`. @param size  Of all parts.
  [[nodiscard]] ssize_t transmit(std::span<const iovec> parts, size_t size, bool more) noexcept;
  [[nodiscard]] bool has_paid() noexcept;
  void send_kept() noexcept;
  void lose_write(int error) noexcept;
  [[nodiscard]] ssize_t owe_more(std::span<const iovec> parts, size_t size);
  void tidy() noexcept;

  event_loop* loop_ = nullptr;
  ready_handler* waker_ = nullptr;
  std::unique_ptr<leftover> kept_;
  uint16_t queued_ = 0; ///< The number of its write in the turn's calls; 0: there is none.
  uint16_t watch_ = 0;  ///< The same of the call that has it watched.
  uint8_t slot_ = 0;    ///< Of what was read ahead in this slice of the turn; 0: there is none.
  bool kept_alive_ = false;
  small_writes small_writes_ = small_writes::go_at_once;
  bool is_bulk_ = false; ///< The last read filled what a slot has room for.
};

} // namespace proxy
