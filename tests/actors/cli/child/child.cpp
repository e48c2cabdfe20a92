#define CAF_SUITE actors.cli.child.child
#include "actors/cli/child/child.hpp" // unit under test

#include "actors/cli/daemon/signals.hpp"
#include "tests/support/test.hpp"

#include <atomic>
#include <sys/stat.h>
#include <unistd.h>

using namespace proxy;
using namespace proxy::cli;

namespace {

int run(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
  auto child = start_child({std::move(arguments), std::move(environment), signal_set({})});
  if (child.pid < 0)
    return child.exit_code;
  await_child(child.pid);
  return reap_child(child.pid);
}

} // namespace

CAF_TEST(the exit code is that of the command or says why there is none) {
  struct row {
    std::vector<std::string> command;
    int code;
  };
  for (auto& [command, code] : std::initializer_list<row>{
         {{"true"}, 0},
         {{"/bin/sh", "-c", "exit 7"}, 7},
         {{"/bin/sh", "-c", "kill -TERM $$"}, 128 + SIGTERM},
         {{"/bin/sh", "-c", "kill -PIPE $$"}, 128 + SIGPIPE},
         {{"no-such-command-anywhere"}, 127},
         {{"/no/such/path"}, 127},
         {{"/etc/passwd"}, 126},
         {{"/"}, 126},
       }) {
    CAF_MESSAGE(command[0] << ' ' << command.back());
    CAF_CHECK_EQUAL(run(command), code);
  }
}

CAF_TEST(a command sees the environment it is given and nothing else) {
  CAF_CHECK_EQUAL(run({"/bin/sh", "-c", "test \"$A\" = b && test -z \"$HOME\""}, {"A=b"}), 0);
}

CAF_TEST(a watch tells of signals until it ends) {
  // In a process of its own: here the test runner's threads would take the signal.
  auto pid = ::fork();
  CAF_REQUIRE(pid >= 0);
  if (pid == 0) {
    ::alarm(10); // rather than waiting without end for a signal that was lost
    (void)block_signals(signal_set({SIGUSR1, SIGUSR2}));
    std::atomic<int> seen = 0;
    {
      signal_watch watch{signal_set({SIGUSR1}), [&](received_signal got) {
                           seen += got.number == SIGUSR1 && !got.from_terminal ? 1 : 100;
                           seen.notify_one();
                         }};
      ::kill(::getpid(), SIGUSR1);
      seen.wait(0);
    }
    ::kill(::getpid(), SIGUSR1); // nobody listens any more
    ::_exit(seen);
  }
  await_child(pid);
  CAF_CHECK_EQUAL(reap_child(pid), 1);
}
