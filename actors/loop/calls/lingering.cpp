#include "actors/loop/calls/lingering.hpp"

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "actors/loop/event_loop.hpp"

namespace proxy {

namespace {

/// Of a loop, at once: each has a descriptor that counts for no client. Beyond it the oldest goes.
constexpr size_t most_lingering = 256;

class lingering final : public io_source, timer {
public:
  lingering(event_loop& on, int descriptor, std::string_view rest)
    : loop_(on), rest_(rest), on_account_(on.memory()) {
    fd = descriptor;
    on_account_.set(rest_.size());
  }
  ~lingering() override {
    if (fd < 0)
      return;
    loop_.forget(*this);
    // What is not whole must not look so.
    loop_.network().reset(fd);
  }

  /// @returns false when it cannot be watched.
  [[nodiscard]] bool begin() {
    loop_.unwatch(*this); // the source that the descriptor belonged to
    if (!loop_.watch(*this))
      return false;
    loop_.arm(*this, loop_.now() + loop_.calls().patience());
    return true;
  }

  void on_ready() override {
    if (!(ready & io_out))
      return;
    auto sent = loop_.network().write(fd, std::string_view{rest_}, false);
    if (sent < 0 && errno == EINTR)
      return loop_.rouse(*this); // no event would tell that there is room
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      ready &= static_cast<uint8_t>(~io_out);
      return;
    }
    if (sent < 0)
      return loop_.disown(*this);
    rest_.erase(0, static_cast<size_t>(sent));
    on_account_.set(rest_.size());
    if (rest_.empty())
      return finish();
    ready &= static_cast<uint8_t>(~io_out);
  }

private:
  void on_timer() override { loop_.disown(*this); }

  void finish() {
    loop_.forget(*this);
    loop_.network().close(std::exchange(fd, -1));
    loop_.disown(*this);
  }

  event_loop& loop_;
  std::string rest_; ///< Still to be sent.
  held_bytes on_account_;
};

} // namespace

void let_linger(event_loop& on, int fd, std::string_view rest) noexcept {
  auto made = std::make_unique<lingering>(on, fd, rest);
  if (!made->begin())
    return;
  if (on.owned().size() >= most_lingering)
    on.disown(*on.owned().front());
  on.own(std::move(made));
}

} // namespace proxy
