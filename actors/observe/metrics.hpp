#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <prometheus/metric_family.h>

#include "actors/messages.hpp"

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

/// Everything GET /metrics shows.
struct metrics {
  shard_counters counters; ///< Sum over all shards.
  uint64_t shards = 0;
  uint64_t generation = 0;
  uint64_t audit_dropped = 0;
  uint64_t log_dropped = 0;
  uint64_t audit_waiting = 0;
  uint64_t otlp_dropped = 0; ///< Events and spans that did not reach the collector.
  uint64_t otlp_waiting = 0;
  uint64_t otlp_delivered = 0;
  uint64_t memory_held = 0;  ///< By buffers that peers can fill, in bytes.
  uint64_t memory_limit = 0; ///< Beyond which nothing new is taken, in bytes.
  process_usage process;
};

/// Adds one shard's counters to a sum.
void add(shard_counters& sum, const shard_counters& one) noexcept;

/// All series, each family with its help and type.
[[nodiscard]] std::vector<prometheus::MetricFamily> metric_families(const metrics& what);

/// The Prometheus text format 0.0.4.
[[nodiscard]] std::string metrics_text(const metrics& what);

} // namespace proxy
