#include "actors/cli/child/child.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "actors/cli/cli.hpp"
#include "actors/cli/daemon/signals.hpp"
#include "actors/clients/program.hpp"

namespace proxy::cli {

namespace {

int exit_code_of(int error) {
  return error == ENOENT || error == ENOTDIR ? exit_not_found : exit_cannot_execute;
}

} // namespace

started_child start_child(const child_command& what) {
  auto argv = exec_words(what.arguments);
  auto envp = exec_words(what.environment);
  posix_spawnattr_t attributes;
  if (auto error = ::posix_spawnattr_init(&attributes); error != 0)
    return {-1, exit_run_failed, error};
  // Neither our mask nor our indifference to broken pipes is its business.
  auto defaults = signal_set({SIGPIPE});
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  ::posix_spawnattr_setsigmask(&attributes, &what.mask);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  started_child out;
  // It inherits the limits of this moment. We leave no core file meanwhile: see `protect_process`.
  auto ours = set_core_limit(what.core_limit);
  // A lower limit closes nothing; what wants a descriptor meanwhile is told as if there were none.
  rlimit files{};
  auto lower = what.descriptor_limit != 0 && ::getrlimit(RLIMIT_NOFILE, &files) == 0;
  if (lower)
    set_descriptor_limit(what.descriptor_limit);
  out.error = ::posix_spawnp(&out.pid, argv[0], nullptr, &attributes, argv.data(), envp.data());
  if (lower)
    set_descriptor_limit(files.rlim_cur);
  (void)set_core_limit(ours);
  ::posix_spawnattr_destroy(&attributes);
  if (out.error != 0) {
    out.pid = -1;
    out.exit_code = exit_code_of(out.error);
  }
  return out;
}

void await_child(pid_t pid) noexcept {
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
}

int reap_child(pid_t pid) noexcept {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return exit_run_failed;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace proxy::cli
