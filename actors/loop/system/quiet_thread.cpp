#include "actors/loop/system/quiet_thread.hpp"

#include <csignal>

namespace proxy {

void take_no_signals() noexcept {
  sigset_t all; // its functions are macros on some systems: no `::` before them
  sigfillset(&all);
  // A fault that is blocked ends the process before whoever reports it has had a look.
  for (auto fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS})
    sigdelset(&all, fault);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

} // namespace proxy
