#pragma once

#include <csignal>
#include <string>
#include <sys/resource.h>
#include <sys/types.h>
#include <vector>

namespace proxy::cli {

/// A command to run.
struct child_command {
  std::vector<std::string> arguments;   ///< The program first; looked up in PATH.
  std::vector<std::string> environment; ///< `name=value`
  sigset_t mask;                        ///< Signals it starts with blocked.
  rlim_t core_limit = RLIM_INFINITY;    ///< Its soft limit on core files, below the hard one.
  rlim_t descriptor_limit = 0;          ///< The same on file descriptors; 0: ours.
};

/// A started process, or the exit code that says why there is none (126, 127).
struct started_child {
  pid_t pid = -1;
  int exit_code = 0;
  int error = 0; ///< errno
};

[[nodiscard]] started_child start_child(const child_command& what);

/// Waits for the end of a child without taking it away, so that its pid stays its own.
void await_child(pid_t pid) noexcept;

/// Takes an ended child away. @returns its exit code, or 128 + the signal that ended it.
[[nodiscard]] int reap_child(pid_t pid) noexcept;

} // namespace proxy::cli
