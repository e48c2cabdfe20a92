#pragma once

#include "actors/observe/metrics.hpp"
#include "actors/serve/core/shard_core.hpp"

namespace proxy {

/// What GET /metrics shows and a collector gets of the process; what its workers count is still to
/// be added.
[[nodiscard]] metrics process_metrics(const process_state& process);

} // namespace proxy
