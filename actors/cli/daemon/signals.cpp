#include "actors/cli/daemon/signals.hpp"

#include <pthread.h>

#include <utility>

#include "actors/cli/platform.hpp"

namespace proxy::cli {

namespace {

/// Wakes a watch that ends. Blocked everywhere, and nobody else waits for it.
constexpr int wake_signal = SIGUSR2;

} // namespace

sigset_t signal_set(std::initializer_list<int> signals) noexcept {
  sigset_t set; // its functions are macros on some systems: no `::` before them
  sigemptyset(&set);
  for (auto number : signals)
    sigaddset(&set, number);
  return set;
}

sigset_t block_signals(const sigset_t& signals) noexcept {
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &signals, &before);
  return before;
}

received_signal wait_for_signal(const sigset_t& signals) noexcept {
  return platform::wait_for_signal(signals);
}

signal_watch::signal_watch(const sigset_t& signals, std::function<void(received_signal)> tell) {
  auto watched = signals;
  sigaddset(&watched, wake_signal);
  (void)block_signals(watched); // the thread inherits it, so that the wake-up cannot come too early
  thread_ = std::thread{[this, watched, tell = std::move(tell)] {
    while (!over_) {
      auto got = wait_for_signal(watched);
      if (got.number != wake_signal) // taken from the process: nobody else would hear of it
        tell(got);
    }
  }};
}

signal_watch::~signal_watch() {
  over_ = true;
  ::pthread_kill(thread_.native_handle(), wake_signal);
  thread_.join();
}

} // namespace proxy::cli
