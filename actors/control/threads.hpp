#pragma once

#include <caf/actor_system.hpp>
#include <caf/spawn_options.hpp>

#include <cstddef>
#include <system_error>
#include <utility>

/// Threads that cannot be had: the system's limits are reached (RLIMIT_NPROC, a cgroup).

namespace proxy {

/// Whether so many more can be had now. All are started, and end again.
[[nodiscard]] bool can_have_threads(size_t count);

/// Spawns a hidden actor with a thread of its own.
/// @throws std::system_error where no thread can be had.
template <class... Ts>
auto spawn_detached(caf::actor_system& system, Ts&&... xs) {
  try {
    return system.spawn<caf::hidden + caf::detached>(std::forward<Ts>(xs)...);
  } catch (const std::system_error&) {
    system
      .dec_detached_threads(); // CAF 0.17 counts it before it starts, and waits for all at its end
    throw;
  }
}

} // namespace proxy
