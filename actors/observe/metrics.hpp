#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/observe/counters/shard_counters.hpp"

namespace proxy {

/// What the operating system says of this process; fields it does not tell stay 0.
struct process_usage {
  double cpu_seconds = 0;
  double start_time_seconds = 0; ///< Unix time.
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_descriptors = 0;
  uint64_t max_descriptors = 0;
};

[[nodiscard]] process_usage current_usage();

/// One who listens to events: what is on its way there, and what was lost.
struct subscriber_metrics {
  uint64_t waiting = 0;
  uint64_t dropped = 0;
};

/// One worker, at the moment when it was asked.
struct worker_metrics {
  uint64_t queue_length = 0; ///< Messages that waited.
  double answer_seconds = 0; ///< Until its answer was here.
};

/// Everything that GET /metrics shows, and that is sent to a collector.
struct metrics {
  shard_counters counters; ///< Sum over all shards.
  std::vector<worker_metrics> workers;
  uint64_t generation = 0;
  bool enabled = true; ///< Clients are served.
  uint64_t reloads_made = 0;
  uint64_t reloads_refused = 0;
  bool configured = true;                     ///< What the configuration says is in force.
  double in_force_since_seconds = 0;          ///< Unix time.
  std::optional<double> ca_not_after_seconds; ///< Unix time; without interception none.
  subscriber_metrics audit;
  subscriber_metrics otlp;
  uint64_t otlp_delivered = 0; ///< Events and spans.
  uint64_t log_dropped = 0;    ///< Lines.
  uint64_t log_waiting_bytes = 0;
  uint64_t connections_limit = 0;
  uint64_t memory_held = 0;  ///< By buffers that peers can fill, in bytes.
  uint64_t memory_limit = 0; ///< Beyond which nothing new is taken, in bytes.
  process_usage process;
};

/// The same as families of Prometheus, by names with our prefix but for those of the process. How
/// many series there are has a bound that no client can move.
[[nodiscard]] std::vector<prometheus::MetricFamily> metric_families(const metrics& what);

/// The Prometheus text format 0.0.4.
[[nodiscard]] std::string metrics_text(const metrics& what);

} // namespace proxy
