#include "actors/serve/core/process_metrics.hpp"

#include <algorithm>

#include "actors/observe/log/log.hpp"
#include "actors/serve/core/shard_core.hpp"
#include "tls/authority.hpp"

namespace proxy {

namespace {

using seconds = std::chrono::duration<double>;

subscriber_metrics told_of(const subscriber_queue& queue) {
  return {queue.waiting.load(std::memory_order_relaxed),
          queue.dropped.load(std::memory_order_relaxed)};
}

void add_policy(metrics& out, const reload_counts& reloads, const snapshot& in_force) {
  out.generation = in_force.generation;
  out.enabled = in_force.rules->enabled;
  out.reloads_made = reloads.made.load(std::memory_order_relaxed);
  out.reloads_refused = reloads.refused.load(std::memory_order_relaxed);
  out.configured = reloads.configured.load(std::memory_order_relaxed);
  out.in_force_since_seconds =
    static_cast<double>(reloads.in_force_since_ms.load(std::memory_order_relaxed)) / 1000;
  if (in_force.ca)
    out.ca_not_after_seconds = seconds{in_force.ca->valid_until().time_since_epoch()}.count();
}

} // namespace

metrics process_metrics(process_state& process, const snapshot& in_force) {
  metrics out;
  add_policy(out, process.reloads, in_force);
  out.audit = told_of(process.audit_queue);
  out.otlp = {process.telemetry->waiting(), process.telemetry->lost()};
  out.otlp_delivered = process.telemetry->delivered.load(std::memory_order_relaxed);
  out.log_dropped = process.log->dropped();
  out.log_waiting_bytes = process.log->waiting_bytes();
  out.connections_limit = process.max_connections.load(std::memory_order_relaxed);
  const auto& memory = process.memory;
  out.memory_held = static_cast<uint64_t>(std::max<int64_t>(memory.held.load(), 0));
  out.memory_limit = static_cast<uint64_t>(memory.limit.load());
  out.process = current_usage();
  return out;
}

void add_worker(metrics& to, const shard_counters& one, std::chrono::nanoseconds took) {
  add(to.counters, one);
  to.workers.push_back({one.actors_with_mail, seconds{took}.count()});
}

} // namespace proxy
