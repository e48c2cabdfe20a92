#include "actors/cli/platform.hpp"

#ifdef __APPLE__
#include <mach-o/dyld.h>

#include <cstdint>
#endif

namespace proxy::cli::platform {

void hide_memory() noexcept {}

received_signal wait_for_signal(const sigset_t& signals) noexcept {
  int number = 0;
  ::sigwait(&signals, &number);
  return {number, false}; // it does not say where a signal came from
}

std::string own_program() {
#ifdef __APPLE__
  char path[4096];
  uint32_t size = sizeof path;
  if (::_NSGetExecutablePath(path, &size) == 0)
    return path;
#endif
  return {};
}

} // namespace proxy::cli::platform
