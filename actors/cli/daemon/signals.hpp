#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <initializer_list>
#include <thread>

namespace proxy::cli {

/// A set of signals.
[[nodiscard]] sigset_t signal_set(std::initializer_list<int> signals) noexcept;

/// Blocks signals in this thread and those it will start. @returns the mask of before.
sigset_t block_signals(const sigset_t& signals) noexcept;

/// A signal that arrived.
struct received_signal {
  int number = 0;
  bool from_terminal = false; ///< A key: every process of the group got it.
};

/// Waits for one of these signals, which are blocked.
[[nodiscard]] received_signal wait_for_signal(const sigset_t& signals) noexcept;

/// Calls back for each of these signals from a thread of its own, until destroyed (and while it
/// is: none that it took is lost). Blocks them, and SIGUSR2, in the thread that makes it; all other
/// threads must block them already.
class signal_watch {
public:
  signal_watch(const sigset_t& signals, std::function<void(received_signal)> tell);
  ~signal_watch();

  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;

private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

} // namespace proxy::cli
