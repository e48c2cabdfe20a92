#pragma once

#include <cstddef>

namespace proxy {

/// How many cores this process may use at once: its affinity mask, bounded by its cgroup's CPU
/// quota (rounded up); at least 1.
[[nodiscard]] size_t usable_cores();

} // namespace proxy
