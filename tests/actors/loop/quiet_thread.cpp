#define CAF_SUITE actors.loop.quiet_thread
#include "actors/loop/system/quiet_thread.hpp" // unit under test

#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(a write to a closed pipe only fails) {
  int ends[2];
  CAF_REQUIRE_EQUAL(::pipe(ends), 0);
  ::close(ends[0]);
  ssize_t written = 0;
  int error = 0;
  quiet_thread([&] {
    written = ::write(ends[1], "x", 1);
    error = errno;
  }).join(); // where it were taken, SIGPIPE would have ended the process
  CAF_CHECK_EQUAL(written, -1);
  CAF_CHECK_EQUAL(error, EPIPE);
  ::close(ends[1]);
}

CAF_TEST(faults are reported and all else is left to others) {
  sigset_t mask;
  sigemptyset(&mask);
  quiet_thread([&] { ::pthread_sigmask(SIG_BLOCK, nullptr, &mask); }).join();
  for (auto number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD, SIGALRM, SIGUSR1})
    CAF_CHECK_EQUAL(sigismember(&mask, number), 1);
  for (auto number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS})
    CAF_CHECK_EQUAL(sigismember(&mask, number), 0);
}
