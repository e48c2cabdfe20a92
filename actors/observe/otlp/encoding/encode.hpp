#pragma once

#include <prometheus/metric_family.h>

#include <chrono>
#include <span>
#include <string>

#include "actors/observe/decision_event.hpp"
#include "actors/observe/otlp/encoding/identity.hpp"
#include "actors/observe/span.hpp"

/// Bodies of OTLP/HTTP requests, by the messages of opentelemetry-proto 1.x.

namespace proxy::otlp {

using moment = std::chrono::system_clock::time_point;

/// An ExportLogsServiceRequest: a record for each line that the audit trail has of these events,
/// with its fields as attributes.
/// @param seen  When they came to be encoded.
[[nodiscard]] std::string encode_logs(std::span<const decision_event_ptr> events,
                                      const identity& from, moment seen);

/// An ExportTraceServiceRequest.
[[nodiscard]] std::string encode_spans(std::span<const span_ptr> spans, const identity& from);

/// When a metric began to be counted, and when it was read.
struct observed_span {
  moment begin, end;
};

/// An ExportMetricsServiceRequest: counters are cumulative sums, histograms have their bounds.
/// Names are those of GET /metrics.
[[nodiscard]] std::string encode_metrics(std::span<const prometheus::MetricFamily> families,
                                         const identity& from, const observed_span& over);

} // namespace proxy::otlp
