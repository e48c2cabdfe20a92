#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "actors/loop/poller.hpp"
#include "actors/loop/system/platform.hpp"

namespace proxy {

namespace {

#if defined(POLLRDHUP) && !defined(PROXY_PORTABLE)
constexpr short hup_event = POLLRDHUP;
#else
constexpr short hup_event = 0;
#endif

/// Edges from a level-triggered call: only bits that a source has lost are asked for.
class poll_poller final : public poller {
public:
  bool add(io_source& source) override { return insert(source, false); }

  bool add_shared(io_source& source) override { return insert(source, true); }

  void remove(io_source& source) override {
    auto at = index_.find(source.fd);
    if (at == index_.end())
      return;
    auto slot = at->second;
    index_.erase(at);
    if (slot + 1 != sources_.size()) {
      sources_[slot] = sources_.back();
      index_[sources_[slot].source->fd] = slot;
    }
    sources_.pop_back();
  }

  size_t wait(std::span<io_event> out, std::chrono::milliseconds timeout) override {
    fds_.resize(sources_.size() + 1);
    fds_.back() = {wake_up_.descriptor(), POLLIN, 0};
    for (size_t i = 0; i < sources_.size(); ++i) {
      const auto& e = sources_[i];
      // poll reports errors unasked and for ever; once known there is nothing more to learn.
      auto over = !e.shared && (e.source->ready & io_dead) != 0;
      fds_[i] = {over ? -1 : e.source->fd, over ? short{0} : interest(e), 0};
    }
    auto n = ::poll(fds_.data(), fds_.size(),
                    static_cast<int>(std::min<int64_t>(timeout.count(), 1 << 30)));
    size_t filled = 0;
    if (n > 0 && fds_.back().revents != 0)
      wake_up_.reset();
    for (size_t i = 0; n > 0 && i < sources_.size() && filled < out.size(); ++i)
      if (fds_[i].revents != 0)
        out[filled++] = {sources_[i].source, to_bits(fds_[i].revents)};
    return filled;
  }

  void wake() noexcept override { wake_up_.set(); }

private:
  struct entry {
    io_source* source;
    bool shared;
  };

  static short interest(const entry& e) {
    if (e.shared)
      return POLLIN;
    short events = 0;
    if (!(e.source->ready & io_in))
      events |= POLLIN;
    if (!(e.source->ready & io_out))
      events |= POLLOUT;
    if (!(e.source->ready & io_hup))
      events |= hup_event;
    return events;
  }

  static uint8_t to_bits(short events) {
    uint8_t bits = 0;
    if (events & POLLIN)
      bits |= io_in;
    if (events & POLLOUT)
      bits |= io_out;
    if (hup_event != 0 && (events & hup_event))
      bits |= io_in | io_hup;
    if (events & (POLLERR | POLLHUP | POLLNVAL))
      bits |= io_in | io_out | io_hup | io_dead;
    return bits;
  }

  bool insert(io_source& source, bool shared) {
    if (::fcntl(source.fd, F_GETFD) < 0)
      return false; // poll would say so later, of what the number means by then
    index_[source.fd] = sources_.size();
    sources_.push_back({&source, shared});
    return true;
  }

  wake_up wake_up_{platform::open_wake_ends()};
  std::vector<entry> sources_;
  std::unordered_map<int, size_t> index_;
  std::vector<pollfd> fds_;
};

} // namespace

std::unique_ptr<poller> make_poll_poller() { return std::make_unique<poll_poller>(); }

} // namespace proxy
