#define CAF_SUITE actors.host_process
#include "actors/network_proxy.hpp" // unit under test

#include <unistd.h>

#include <csignal>

#include "tests/actors/running_proxy.hpp"

// What a proxy leaves to the program that it is part of.

using namespace proxy;
using namespace proxy::test;

namespace {

volatile std::sig_atomic_t taken = 0;

} // namespace

CAF_TEST_FIXTURE_SCOPE(host_process_tests, running_proxy)

CAF_TEST(no thread of a proxy takes a signal of the program) {
  configure();
  auto proxy = start();
  CAF_REQUIRE(proxy.config()); // its threads have begun
  struct sigaction count {};
  count.sa_handler = [](int) { taken = taken + 1; };
  struct sigaction usual {};
  CAF_REQUIRE_EQUAL(::sigaction(SIGUSR1, &count, &usual), 0);
  sigset_t one, before, waiting;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &one, &before);
  ::kill(::getpid(), SIGUSR1);
  (void)proxy.config(); // time for one of them to take it
  sigpending(&waiting);
  CAF_CHECK_EQUAL(sigismember(&waiting, SIGUSR1), 1);
  CAF_CHECK_EQUAL(int{taken}, 0);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr); // this one takes it
  CAF_CHECK_EQUAL(int{taken}, 1);
  ::sigaction(SIGUSR1, &usual, nullptr);
}

CAF_TEST_FIXTURE_SCOPE_END()
