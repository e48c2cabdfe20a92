#include "actors/cli/platform.hpp"

#include <sys/prctl.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

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

std::string own_program() {
  std::error_code failed;
  auto path = std::filesystem::read_symlink("/proc/self/exe", failed).string();
  return failed ? std::string{} : path;
}

} // namespace proxy::cli::platform
