#pragma once

#include <caf/thread_hook.hpp>

#include <thread>
#include <utility>

/// Threads beside those of the program that we are part of: its signals are none of theirs.

namespace proxy {

/// Blocks every signal in the calling thread but those that tell of a fault of its own (SIGSEGV and
/// the like): they go to a thread of the program's. A write to a closed pipe or socket only fails
/// then, as the SIGPIPE that it raises is for the thread alone, which never takes it.
void take_no_signals() noexcept;

/// Starts a thread that takes no signals.
/// @throws std::system_error when the system has none left.
template <class Run>
[[nodiscard]] std::thread quiet_thread(Run run) {
  return std::thread{[run = std::move(run)]() mutable {
    take_no_signals();
    run();
  }};
}

/// The same for each thread that CAF starts: of the scheduler, its clock and printer, of detached
/// actors.
struct quiet_caf_threads final : caf::thread_hook {
  void init(caf::actor_system&) override {}
  void thread_started() override { take_no_signals(); }
  void thread_terminates() override {}
};

} // namespace proxy
