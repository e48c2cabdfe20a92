#include "actors/loop/poller.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

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
  epoll_poller() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {}
  ~epoll_poller() override { ::close(fd_); }

  bool add(io_source& source) override {
    return control(source, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  }

  // Level-triggered: a loop that accepts only a few must hear of the rest again.
  bool add_shared(io_source& source) override { return control(source, EPOLLIN | EPOLLEXCLUSIVE); }

  void remove(io_source& source) override { ::epoll_ctl(fd_, EPOLL_CTL_DEL, source.fd, nullptr); }

  void forget(io_source&) override {} // closing unregisters

  size_t wait(std::span<io_event> out, std::chrono::milliseconds timeout) override {
    std::array<epoll_event, 256> events;
    auto room = static_cast<int>(std::min(events.size(), out.size()));
    auto n = ::epoll_wait(fd_, events.data(), room,
                          static_cast<int>(std::min<int64_t>(timeout.count(), 1 << 30)));
    for (int i = 0; i < n; ++i)
      out[static_cast<size_t>(i)] = {
        static_cast<io_source*>(events[static_cast<size_t>(i)].data.ptr),
        to_bits(events[static_cast<size_t>(i)].events)};
    return n > 0 ? static_cast<size_t>(n) : 0;
  }

private:
  bool control(io_source& source, uint32_t interest) {
    epoll_event event{};
    event.events = interest;
    event.data.ptr = &source;
    return ::epoll_ctl(fd_, EPOLL_CTL_ADD, source.fd, &event) == 0;
  }

  int fd_;
};

} // namespace

std::unique_ptr<poller> make_epoll_poller() { return std::make_unique<epoll_poller>(); }

std::unique_ptr<poller> make_poller() { return make_epoll_poller(); }

} // namespace proxy
