#pragma once

#include <cstddef>
#include <cstdint>

namespace proxy {

/// How many cores this process may use at once: its affinity mask, bounded by its cgroup's CPU
/// quota (rounded up); at least 1.
[[nodiscard]] size_t usable_cores();

/// How many workers that number in the configuration means: 0 is one for each usable core.
[[nodiscard]] inline size_t worker_count(uint64_t configured) {
  return configured > 0 ? static_cast<size_t>(configured) : usable_cores();
}

/// How many bytes of memory this process may use: the machine's, bounded by its cgroup's limit.
[[nodiscard]] uint64_t usable_memory();

/// How many file descriptors this process may have at once: its soft limit.
[[nodiscard]] uint64_t usable_descriptors();

/// How many clients can be served with so many: each may need one more towards its upstream, and
/// some are for other things.
[[nodiscard]] uint64_t clients_for(uint64_t descriptors);

} // namespace proxy
