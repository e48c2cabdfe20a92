#include "actors/cli/platform.hpp"

#include <sys/prctl.h>

#include <cerrno>

namespace proxy::cli::platform {

void hide_memory() noexcept { ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

received_signal wait_for_signal(const sigset_t& signals) noexcept {
  siginfo_t info{};
  int number = 0;
  do
    number = ::sigwaitinfo(&signals, &info);
  while (number < 0 && errno == EINTR);
  return {number, info.si_code == SI_KERNEL};
}

} // namespace proxy::cli::platform
