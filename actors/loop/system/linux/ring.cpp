#include <liburing.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <exception>

#include "actors/loop/calls/socket_call.hpp"
#include "actors/loop/poller.hpp"
#include "actors/loop/system/linux/epoll_event.hpp"
#include "actors/loop/system/platform.hpp"
#include "actors/loop/system/sockaddr.hpp"
#include "actors/loop/system/system_network.hpp"

namespace proxy::platform {

namespace {

/// Calls that are handed over at once, at most.
constexpr unsigned entries = 256;

/// Of an accept(2) that does not wait: IORING_ACCEPT_DONTWAIT, which is there since Linux 6.10. A
/// kernel that does not know it refuses the call.
constexpr uint16_t accept_without_waiting = 1U << 1;

/// How often in a row the kernel may fail to take calls, as it does without memory, before it is
/// asked no more: calls are made one by one from then on.
constexpr int patience = 100;

/// A pair of sockets that a ring is tried with, one that listens, and a poller.
struct trial {
  struct source final : io_source {
    void on_ready() override {}
  };

  trial() noexcept {
    try {
      by = make_epoll_poller();
    } catch (const std::exception&) {
      return; // no descriptor is left
    }
    constexpr int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (::socketpair(AF_UNIX, type, 0, ends.data()) != 0)
      return;
    listener = ::socket(AF_UNIX, type, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX; // and no more than that: the kernel finds a name
    watched.fd = ends[1];
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&name), sizeof name.sun_family) == 0 &&
        ::listen(listener, 1) == 0)
      is_there = true;
  }
  ~trial() {
    for (auto fd : {ends[0], ends[1], listener})
      if (fd >= 0)
        ::close(fd);
  }
  trial(const trial&) = delete;
  trial& operator=(const trial&) = delete;

  std::array<int, 2> ends{-1, -1};
  int listener = -1;
  source watched;
  std::unique_ptr<poller> by;
  bool is_there = false;
};

/// io_uring(7), used for one thing alone: to make many calls for the price of one. Each is of a
/// kind that does not wait, so that it is over when the kernel has taken it, and nothing of ours is
/// the kernel's between two runs.
class ring final : public call_executor {
public:
  ring() : plain_(make_plain_executor(system_network())) {
    io_uring_params how{};
    error_ = -::io_uring_queue_init_params(entries, &ring_, &how);
    if (error_ != 0)
      return;
    // Of Linux 5.17: those before it do not all keep to what is asked of them below.
    if ((how.features & IORING_FEAT_CQE_SKIP) == 0)
      stop(ENOSYS);
    else if (auto why = try_out(); why != 0)
      stop(why);
  }
  ~ring() override { stop(0); }
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;

  [[nodiscard]] int gave_up() const noexcept override { return error_; }

  void run(std::span<socket_call> calls) noexcept override {
    while (!calls.empty()) {
      auto some = calls.first(std::min<size_t>(calls.size(), entries));
      if (error_ == 0)
        run_some(some);
      else
        plain_->run(some);
      calls = calls.subspan(some.size());
    }
  }

private:
  void stop(int error) noexcept {
    if (error_ == 0)
      ::io_uring_queue_exit(&ring_);
    error_ = error != 0 ? error : ECANCELED;
  }

  /// Tries all kinds of calls. @returns 0, or an error where that came to something else.
  [[nodiscard]] int try_out() noexcept {
    using kind = socket_call::kind;
    trial on;
    if (!on.is_there)
      return EMFILE;
    char sent = 'x';
    char room[2];
    ip_sockaddr peer;
    std::array calls{
      socket_call{kind::read, on.ends[1], room, 2}, socket_call{kind::write, on.ends[0], &sent, 1},
      socket_call{kind::read, on.ends[1], room, 2}, socket_call{kind::accept, on.listener},
      socket_call{kind::watch, on.watched.fd},      socket_call{kind::close, on.ends[0]}};
    calls[3].peer = &peer;
    calls[4].source = &on.watched;
    calls[4].by = on.by.get();
    run_some(calls);
    if (calls[5].result == 0)
      on.ends[0] = -1;
    if (calls[3].result == -EMFILE || calls[3].result == -ENFILE) // looks for one before all else
      return static_cast<int>(-calls[3].result);
    accepts_ = calls[3].result == -EAGAIN;
    watches_ = calls[4].result == 0;
    auto is_right = calls[0].result == -EAGAIN && calls[1].result == 1 && calls[2].result == 1 &&
                    (accepts_ || calls[3].result == -EINVAL) && calls[5].result == 0;
    return error_ != 0 || is_right ? error_ : ENOSYS;
  }

  void run_some(std::span<socket_call> calls) noexcept {
    unsigned queued = 0;
    for (auto& call : calls) {
      call.result = unknown;
      if (call.what == socket_call::kind::none || !is_taken(call))
        continue;
      auto* entry = ::io_uring_get_sqe(&ring_); // there are as many as calls
      prepare(*entry, call, queued++);
      ::io_uring_sqe_set_data(entry, &call);
    }
    unsigned over = 0;
    for (int failures = 0; over < queued;) {
      auto taken = ::io_uring_submit_and_wait(&ring_, queued - over);
      over += collect();
      if (taken < 0 && taken != -EINTR && ++failures > patience) {
        // Those that it has taken end; the others it is not to take later.
        for (auto left = ::io_uring_sq_ready(&ring_); over + left < queued; over += collect()) {
          io_uring_cqe* each = nullptr;
          (void)::io_uring_wait_cqe(&ring_, &each);
        }
        stop(-taken);
        break;
      }
    }
    for (auto& call : calls)
      if (call.what != socket_call::kind::none && call.result == unknown)
        plain_->run({&call, 1});
  }

  /// The kernel takes calls of this kind. Others are made one by one, after those that it takes.
  [[nodiscard]] bool is_taken(const socket_call& call) const noexcept {
    return call.what == socket_call::kind::accept  ? accepts_
           : call.what == socket_call::kind::watch ? watches_ && call.by->descriptor() >= 0
                                                   : true;
  }

  unsigned collect() noexcept {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* each = nullptr;
    io_uring_for_each_cqe(&ring_, head, each) {
      static_cast<socket_call*>(::io_uring_cqe_get_data(each))->result = each->res;
      ++count;
    }
    ::io_uring_cq_advance(&ring_, count);
    return count;
  }

  void prepare(io_uring_sqe& entry, const socket_call& call, unsigned number) noexcept {
    switch (call.what) {
      case socket_call::kind::none: break;
      case socket_call::kind::read:
        ::io_uring_prep_recv(&entry, call.fd, call.bytes, call.size, MSG_DONTWAIT);
        break;
      case socket_call::kind::write:
        ::io_uring_prep_send(&entry, call.fd, call.bytes, call.size, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
      case socket_call::kind::accept:
        ::io_uring_prep_accept(&entry, call.fd, call.peer->get(), &call.peer->size,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
        entry.ioprio = accept_without_waiting;
        break;
      case socket_call::kind::watch:
        events_[number] = epoll_event_of(*call.source);
        ::io_uring_prep_epoll_ctl(&entry, call.by->descriptor(), call.fd, EPOLL_CTL_ADD,
                                  &events_[number]);
        break;
      case socket_call::kind::close: ::io_uring_prep_close(&entry, call.fd); break;
    }
  }

  /// The result of a call that has not been made.
  static constexpr ssize_t unknown = INT64_MIN;

  io_uring ring_{};
  int error_ = 0; ///< Why the kernel is not, or no more, asked to make calls.
  bool accepts_ = true;
  bool watches_ = true;
  std::unique_ptr<call_executor> plain_;
  std::array<epoll_event, entries> events_; ///< What the kernel is told of them.
};

} // namespace

std::unique_ptr<call_executor> make_ring() {
  auto made = std::make_unique<ring>();
  if (made->gave_up() == 0)
    return made;
  errno = made->gave_up();
  return nullptr;
}

} // namespace proxy::platform
