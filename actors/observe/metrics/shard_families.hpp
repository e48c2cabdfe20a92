#pragma once

#include "actors/observe/counters/shard_counters.hpp"
#include "actors/observe/metrics/family.hpp"

namespace proxy {

/// What the shards count, as families: decisions and faults, connections, bytes, datagrams.
void append_traffic(metric_families_list& out, const shard_counters& counters);
/// How long requests, look-ups, dials, handshakes and tunnels take.
void append_times(metric_families_list& out, const shard_counters& counters);

} // namespace proxy
