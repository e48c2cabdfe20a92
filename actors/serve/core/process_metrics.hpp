#pragma once

#include "actors/observe/metrics.hpp"
#include "actors/snapshot.hpp"

namespace proxy {

struct process_state;

/// What is known of the whole process, but for what its workers count: they are asked one by one.
/// @param in_force  The policy of now.
[[nodiscard]] metrics process_metrics(process_state& process, const snapshot& in_force);

/// Takes in what one worker has answered.
/// @param took  Until its answer was here.
void add_worker(metrics& to, const shard_counters& one, std::chrono::nanoseconds took);

} // namespace proxy
