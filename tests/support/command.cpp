#include "tests/support/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "actors/cli/run_cli.hpp"

namespace proxy::test {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 90s;

/// Whether this process is a command.
[[maybe_unused]] bool is_command = false;

struct pipe_ends {
  pipe_ends() {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0)
      std::abort();
    read = ends[0];
    write = ends[1];
    for (auto fd : ends) // those of one command are nothing to another, which would keep them open
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  int read, write;
};

/// A file that holds this, and has no name.
int file_with(const std::string& text) {
  auto* file = std::tmpfile();
  if (!file || std::fwrite(text.data(), 1, text.size(), file) != text.size())
    std::abort();
  std::rewind(file);
  return ::dup(
    ::fileno(file)); // the rest of it ends with the process, which is about to be another
}

[[noreturn]] void become(const command_start& how, int out, int err) {
  is_command = true;
  // Whoever is not waited for any more ends by itself.
  ::alarm(static_cast<unsigned>(2 * std::chrono::seconds{patience}.count()));
  ::dup2(file_with(how.given), STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  for (int fd = STDERR_FILENO + 1; fd < 256; ++fd) // also ends that the test waits on
    ::close(fd);
  const std::string path = std::getenv("PATH") ? std::getenv("PATH") : "/usr/bin:/bin";
  ::clearenv();
  ::setenv("PATH", path.c_str(), 1);
  for (const auto& [name, value] : how.variables)
    ::setenv(name.c_str(), value.c_str(), 1);
  // Not `_exit`: what counts the lines that ran writes at an orderly end.
  std::exit(cli::run_cli(how.arguments, how.can));
}

} // namespace

command_process::command_process(command_start how) {
  pipe_ends out, err;
  std::cout.flush(); // else both would say it
  pid_ = ::fork();
  if (pid_ < 0)
    std::abort();
  if (pid_ == 0)
    become(how, out.write, err.write);
  ::close(out.write);
  ::close(err.write);
  out_ = out.read;
  err_ = err.read;
}

command_process::~command_process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (auto fd : {out_, err_})
    if (fd >= 0)
      ::close(fd);
}

bool command_process::read_until(const std::function<bool()>& enough) {
  auto deadline = std::chrono::steady_clock::now() + patience;
  while (!enough()) {
    std::array<pollfd, 2> both{{{out_, POLLIN, 0}, {err_, POLLIN, 0}}};
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
    if ((out_ < 0 && err_ < 0) || left.count() <= 0)
      return false;
    if (::poll(both.data(), both.size(), static_cast<int>(left.count())) <= 0)
      continue;
    for (auto [fd, into] : {std::pair{&out_, &so_far_.out}, std::pair{&err_, &so_far_.err}}) {
      if (both[fd == &err_].revents == 0)
        continue;
      std::array<char, 65536> chunk;
      if (auto n = ::read(*fd, chunk.data(), chunk.size()); n > 0)
        into->append(chunk.data(), static_cast<size_t>(n));
      else if (n == 0 || errno != EINTR)
        ::close(std::exchange(*fd, -1));
    }
  }
  return true;
}

bool command_process::says(std::string_view words) {
  return read_until([&] { return so_far_.err.find(words) != std::string::npos; });
}

bool command_process::prints(std::string_view words) {
  return read_until([&] { return so_far_.out.find(words) != std::string::npos; });
}

void command_process::signal(int number) const { ::kill(pid_, number); }

command_end command_process::end() {
  if (!read_until([this] { return out_ < 0 && err_ < 0; }))
    signal(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR)
    continue;
  pid_ = -1;
  so_far_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return so_far_;
}

command_end run_command(command_start how) { return command_process{std::move(how)}.end(); }

std::string announced(std::string_view log, std::string_view listener) {
  auto line = log.rfind("msg=listening listener=" + std::string{listener} + ' ');
  auto at = log.find("address=", line);
  if (line == std::string_view::npos || at == std::string_view::npos)
    return {};
  at += std::string_view{"address="}.size();
  return std::string{log.substr(at, log.find_first_of(" \n", at) - at)};
}

} // namespace proxy::test

#ifdef __SANITIZE_ADDRESS__
/// Commands are not searched for leaks at their end (system tests do that): threads of the test,
/// which a fork does not have, would be waited for.
extern "C" int __lsan_is_turned_off() { return proxy::test::is_command ? 1 : 0; }
#endif
