#include "actors/cli/child/child.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "actors/cli/cli.hpp"
#include "actors/cli/daemon/signals.hpp"

namespace proxy::cli {

namespace {

/// As execve(2) takes it; the strings stay where they are.
std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (auto& s : strings)
    out.push_back(const_cast<char*>(s.c_str())); // never written to: an old interface without const
  out.push_back(nullptr);
  return out;
}

int exit_code_of(int error) {
  return error == ENOENT || error == ENOTDIR ? exit_not_found : exit_cannot_execute;
}

/// Where a program's output comes from.
class output_pipe {
public:
  output_pipe() = default;
  ~output_pipe() {
    for (auto fd : ends_)
      if (fd >= 0)
        ::close(fd);
  }
  output_pipe(const output_pipe&) = delete;
  output_pipe& operator=(const output_pipe&) = delete;

  [[nodiscard]] bool open() {
    if (::pipe(ends_) != 0)
      return false;
    for (auto fd : ends_)
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    return ::fcntl(ends_[0], F_SETFL, O_NONBLOCK) == 0;
  }
  [[nodiscard]] int write_end() const noexcept { return ends_[1]; }

  /// Takes what is there. What is beyond the limit is lost.
  void read_into(std::string& output) const {
    constexpr size_t most = 64 * 1024;
    char bytes[4096];
    for (;;) {
      auto n = ::read(ends_[0], bytes, sizeof bytes);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return;
      output.append(bytes, std::min(static_cast<size_t>(n), most - output.size()));
    }
  }

private:
  int ends_[2] = {-1, -1};
};

} // namespace

started_child start_child(const child_command& what) {
  auto argv = pointers(what.arguments);
  auto envp = pointers(what.environment);
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

int run_quietly(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment, std::chrono::milliseconds most,
                std::string* output) {
  auto argv = pointers(arguments);
  auto envp = pointers(environment);
  output_pipe out;
  if (output && !out.open())
    return -1;
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0)
    return -1;
  for (auto fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  if (output)
    ::posix_spawn_file_actions_adddup2(&actions, out.write_end(), STDOUT_FILENO);
  pid_t pid = -1;
  auto error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), envp.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return -1;
  constexpr std::chrono::milliseconds pause{1};
  for (; most.count() > 0; most -= pause) {
    siginfo_t info{};
    auto asked = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG);
    if (output)
      out.read_into(*output);
    if (asked != 0 || info.si_pid == pid)
      return reap_child(pid);
    std::this_thread::sleep_for(pause);
  }
  ::kill(pid, SIGKILL);
  (void)reap_child(pid);
  return -1;
}

} // namespace proxy::cli
