#include "actors/cli/platform.hpp"

namespace proxy::cli::platform {

void hide_memory() noexcept {}

received_signal wait_for_signal(const sigset_t& signals) noexcept {
  int number = 0;
  ::sigwait(&signals, &number);
  return {number, false}; // it does not say where a signal came from
}

} // namespace proxy::cli::platform
