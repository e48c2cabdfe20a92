#pragma once

#include <sys/uio.h>

#include <span>
#include <string_view>
#include <vector>

#include "actors/loop/datagram_buffer.hpp"
#include "actors/loop/event_loop.hpp"
#include "actors/loop/task/waker.hpp"

namespace proxy {

/// Datagrams to be sent with as few calls as can be. One per shard and reused; what is put in must
/// stay until `datagram_socket::send` returns, which empties it.
class datagram_queue {
public:
  /// @param header  Bytes in front of `data`, may be empty.
  void put(const ip_sockaddr& to, std::string_view header, std::string_view data);
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }

private:
  friend class datagram_socket;
  struct item {
    const ip_sockaddr* to;
    size_t first_part; ///< In `parts_`, up to the next item's.
    size_t size;       ///< In bytes.
  };
  /// Items that one message carries: more than one goes to one place as equal segments.
  struct group {
    size_t first, last; ///< In `items_`, `last` excluded.
  };
  [[nodiscard]] group group_at(size_t first, bool join) const noexcept;
  [[nodiscard]] size_t parts_end(size_t of) const noexcept;

  std::vector<item> items_;
  std::vector<iovec> parts_;
};

/// A non-blocking UDP socket of one loop, owned. New readiness fires the waker of the flow it
/// belongs to.
class datagram_socket final : io_source {
public:
  datagram_socket() = default;
  datagram_socket(const datagram_socket&) = delete;
  datagram_socket& operator=(const datagram_socket&) = delete;
  ~datagram_socket() override { close(); }

  /// Opens and binds a socket. @returns 0, or errno.
  [[nodiscard]] int open(event_loop& on, const ip_sockaddr& bind_to, ready_handler* wakes);
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return fd >= 0; }
  [[nodiscard]] ip_sockaddr bound() const noexcept { return loop_->network().local_address(fd); }

  [[nodiscard]] bool may_read() const noexcept { return (ready & io_in) != 0; }

  /// Receives one batch. @returns false when there was nothing.
  [[nodiscard]] bool receive(datagram_buffer& into) noexcept;

  /// What became of a queue.
  struct sent {
    size_t datagrams = 0;
    size_t dropped = 0; ///< The socket took no more, or refused them.
  };
  /// Sends what it can and empties the queue: datagrams do not wait. Calls `failed(to, errno)` for
  /// each destination that cannot be reached.
  template <class Failed>
  sent send(datagram_queue& what, Failed failed) {
    sent out;
    for (size_t at = 0; at < what.items_.size();) {
      int error = 0;
      auto next = send_some(what, at, out, error);
      if (error != 0 && next > at)
        failed(*what.items_[next - 1].to, error);
      at = next;
    }
    what.items_.clear();
    what.parts_.clear();
    return out;
  }

private:
  void on_ready() override {
    if (waker_)
      waker_->fire();
  }
  /// Sends from `at` on. @returns the first item that is still to be dealt with; `error` says why
  /// the one before it was dropped.
  [[nodiscard]] size_t send_some(datagram_queue& what, size_t at, sent& out, int& error) noexcept;

  event_loop* loop_ = nullptr;
  ready_handler* waker_ = nullptr;
  bool rows_ = true; ///< The network takes rows of several datagrams.
};

} // namespace proxy
