#include "actors/loop/poller.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "actors/loop/system/linux/epoll_event.hpp"
#include "actors/loop/system/platform.hpp"

namespace proxy {

namespace {

uint8_t to_bits(uint32_t events) {
  uint8_t bits = 0;
  if (events & EPOLLIN)
    bits |= io_in;
  if (events & EPOLLOUT)
    bits |= io_out;
  if (events & EPOLLRDHUP)
    bits |= io_in | io_hup;
  // The next call on the descriptor names the error, so let both directions try.
  if (events & (EPOLLERR | EPOLLHUP))
    bits |= io_in | io_out | io_hup | io_dead;
  return bits;
}

class epoll_poller final : public poller {
public:
  epoll_poller() : wake_up_(platform::open_wake_ends()), fd_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (fd_ < 0 || !control(wake_up_.descriptor(), nullptr, EPOLLIN)) {
      ::close(fd_);
      throw std::runtime_error("no descriptors left for an event loop");
    }
  }
  ~epoll_poller() override { ::close(fd_); }

  bool add(io_source& source) override {
    auto event = platform::epoll_event_of(source);
    return ::epoll_ctl(fd_, EPOLL_CTL_ADD, source.fd, &event) == 0;
  }

  int descriptor() const noexcept override { return fd_; }

  // Level-triggered: a loop that accepts only a few must hear of the rest again.
  bool add_shared(io_source& source) override {
    return control(source.fd, &source, EPOLLIN | EPOLLEXCLUSIVE);
  }

  void remove(io_source& source) override { ::epoll_ctl(fd_, EPOLL_CTL_DEL, source.fd, nullptr); }

  void forget(io_source&) override {} // closing unregisters

  size_t wait(std::span<io_event> out, std::chrono::milliseconds timeout) override {
    std::array<epoll_event, 256> events;
    auto room = static_cast<int>(std::min(events.size(), out.size()));
    auto n = ::epoll_wait(fd_, events.data(), room,
                          static_cast<int>(std::min<int64_t>(timeout.count(), 1 << 30)));
    size_t filled = 0;
    for (int i = 0; i < n; ++i) {
      const auto& event = events[static_cast<size_t>(i)];
      if (event.data.ptr)
        out[filled++] = {static_cast<io_source*>(event.data.ptr), to_bits(event.events)};
      else
        wake_up_.reset();
    }
    return filled;
  }

  void wake() noexcept override { wake_up_.set(); }

private:
  /// @param source  nullptr: the wake-up.
  bool control(int fd, io_source* source, uint32_t interest) {
    epoll_event event{};
    event.events = interest;
    event.data.ptr = source;
    return ::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  wake_up wake_up_;
  int fd_;
};

} // namespace

epoll_event platform::epoll_event_of(io_source& source) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &source;
  return event;
}

std::unique_ptr<poller> make_epoll_poller() { return std::make_unique<epoll_poller>(); }

std::unique_ptr<poller> make_poller() { return make_epoll_poller(); }

} // namespace proxy
