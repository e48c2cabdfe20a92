#pragma once

#include <prometheus/metric_family.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "actors/loop/system/clock.hpp"
#include "actors/observe/otlp/outlet.hpp"
#include "config/telemetry.hpp"

namespace proxy {

/// All series at one moment.
struct metrics_snapshot {
  std::vector<prometheus::MetricFamily> families;
  wall_time at;
};

/// How the items of each signal become the body of a request, by the settings that they were made
/// for: its encoding, and what it says of itself.
struct otlp_encoders {
  std::function<std::string(std::span<const decision_event_ptr>)> logs;
  std::function<std::string(const metrics_snapshot&)> metrics;
  std::function<std::string(std::span<const span_ptr>)> spans;
};

} // namespace proxy
