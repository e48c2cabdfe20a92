#pragma once

#include <csignal>
#include <string>

#include "actors/cli/daemon/signals.hpp"

/// What the commands need of the system and systems do in different ways: `linux/` or `posix/` has
/// it, as in `actors/loop/`.

namespace proxy::cli::platform {

/// Keeps other processes of this user from reading this one's memory, where that can be had.
void hide_memory() noexcept;

/// Waits for one of these signals, which are blocked.
[[nodiscard]] received_signal wait_for_signal(const sigset_t& signals) noexcept;

/// Where this program is; "" when that is not to be found out.
[[nodiscard]] std::string own_program();

} // namespace proxy::cli::platform
