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
class socket final : io_source, public tls::carrier {
public:
  socket() = default;
  socket(const socket&) = delete;
  socket& operator=(const socket&) = delete;
  ~socket() override { close(); }

  /// Takes over `descriptor` (non-blocking) and watches it.
  /// @returns false when it cannot be watched; it is closed then.
  [[nodiscard]] bool open(event_loop& on, int descriptor, ready_handler* wakes);
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
  /// The peer has sent its last byte, though some may still be unread. Where the system does not
  /// tell, a read finds out.
  [[nodiscard]] bool peer_done() const noexcept { return (ready & io_hup) != 0; }

  /// Both directions are over.
  [[nodiscard]] bool dead() const noexcept { return (ready & io_dead) != 0; }
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
  /// Moves up to `limit` bytes into an empty pipe without copying. (One without room left would
  /// make the socket look empty: the kernel says the same of both.)
  [[nodiscard]] io_result splice_to(pipe_ends to, size_t limit) noexcept;
  /// Moves up to `size` bytes out of a pipe.
  [[nodiscard]] io_result splice_from(pipe_ends from, size_t size, bool more) noexcept;
  /// Sends the end of stream.
  void shutdown_write() noexcept;
  /// Asks the kernel whether a read would find something (bytes or the end), where `may_read` only
  /// believes it.
  [[nodiscard]] bool has_input() noexcept;
  /// The error that a connect(2) ended with, 0 for none.
  [[nodiscard]] int take_error() noexcept { return loop_->network().take_error(fd); }

private:
  // For TLS, which tells by its steps what it met: see `met_read_block`.
  ssize_t receive(char* into, size_t room) noexcept override {
    return loop_->network().read(fd, {into, room});
  }
  ssize_t send(const char* bytes, size_t count, bool more) noexcept override {
    return loop_->network().write(fd, {bytes, count}, more);
  }
  void on_ready() override {
    if (waker_)
      waker_->fire();
  }
  [[nodiscard]] io_result finish_read(ssize_t n, size_t asked, bool short_means_empty) noexcept;
  [[nodiscard]] io_result finish_write(ssize_t n, size_t asked) noexcept;

  event_loop* loop_ = nullptr;
  ready_handler* waker_ = nullptr;
  bool kept_alive_ = false;
};

} // namespace proxy
