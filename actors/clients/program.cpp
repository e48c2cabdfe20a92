#include "actors/clients/program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>

namespace proxy {

namespace {

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

/// Takes an ended program away. @returns what `run_quietly` does.
int reap(pid_t pid) noexcept {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace

std::vector<char*> exec_words(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (auto& s : strings)
    out.push_back(const_cast<char*>(s.c_str())); // never written to: an old interface without const
  out.push_back(nullptr);
  return out;
}

int run_quietly(const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment, std::chrono::milliseconds most,
                std::string* output) {
  auto argv = exec_words(arguments);
  auto envp = exec_words(environment);
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
      return reap(pid);
    std::this_thread::sleep_for(pause);
  }
  ::kill(pid, SIGKILL);
  (void)reap(pid);
  return -1;
}

} // namespace proxy
