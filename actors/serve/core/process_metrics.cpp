#include "actors/serve/core/process_metrics.hpp"

#include <algorithm>

namespace proxy {

metrics process_metrics(const process_state& process) {
  metrics out;
  out.shards = process.connections.size();
  out.audit_dropped = process.audit_queue.dropped.load();
  out.audit_waiting = process.audit_queue.waiting.load();
  out.log_dropped = process.log->dropped();
  out.otlp_dropped = process.telemetry->lost();
  out.otlp_waiting = process.telemetry->waiting();
  out.otlp_delivered = process.telemetry->delivered.load();
  out.memory_held = static_cast<uint64_t>(std::max<int64_t>(process.memory.held.load(), 0));
  out.memory_limit = static_cast<uint64_t>(process.memory.limit.load());
  out.process = current_usage();
  return out;
}

} // namespace proxy
