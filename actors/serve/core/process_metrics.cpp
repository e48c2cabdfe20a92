#include "actors/serve/core/process_metrics.hpp"

#include <algorithm>

#include "actors/serve/core/shard_core.hpp"

namespace proxy {

metrics process_metrics(process_state& process, const snapshot& in_force) {
  metrics out;
  out.generation = in_force.generation;
  out.audit_dropped = process.audit_queue.dropped.load(std::memory_order_relaxed);
  out.audit_waiting = process.audit_queue.waiting.load(std::memory_order_relaxed);
  out.log_dropped = process.log->dropped();
  out.otlp_dropped = process.telemetry->lost();
  const auto& memory = process.memory;
  out.memory_held = static_cast<uint64_t>(std::max<int64_t>(memory.held.load(), 0));
  out.memory_limit = static_cast<uint64_t>(memory.limit.load());
  out.process = current_usage();
  return out;
}

void add_worker(metrics& to, const shard_counters& one, std::chrono::nanoseconds) {
  add(to.counters, one);
  ++to.shards;
}

} // namespace proxy
