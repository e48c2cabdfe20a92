#include <algorithm>
#include <cmath>
#include <vector>

#include "actors/observe/otlp/encoding/encode.hpp"
#include "actors/observe/otlp/encoding/envelope.hpp"
#include "actors/observe/otlp/encoding/nanoseconds.hpp"

namespace proxy::otlp {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr signal_fields metrics{{1, "resourceMetrics"}, {2, "scopeMetrics"}, {2, "metrics"}};

constexpr uint32_t cumulative = 2; // opentelemetry.proto.metrics.v1.AggregationTemporality
constexpr field points{1, "dataPoints"};

/// By UCUM, as the names of Prometheus say it.
std::string_view unit_of(std::string_view name) {
  if (name.ends_with("_total"))
    name.remove_suffix(6);
  return name.ends_with("_seconds") ? "s" : name.ends_with("_bytes") ? "By" : "";
}

/// How many fell between the bounds, where Prometheus has how many fell below each of them.
struct buckets {
  std::vector<uint64_t> counts;
  std::vector<double> bounds;

  explicit buckets(const ClientMetric::Histogram& of) {
    uint64_t below = 0;
    for (const auto& bucket : of.bucket) {
      if (std::isinf(bucket.upper_bound))
        break;
      counts.push_back(static_cast<uint64_t>(bucket.cumulative_count) - below);
      bounds.push_back(bucket.upper_bound);
      below = static_cast<uint64_t>(bucket.cumulative_count);
    }
    counts.push_back(static_cast<uint64_t>(of.sample_count) - below);
  }
};

template <class Message>
void write_labels(Message& point, field in, const ClientMetric& of) {
  attribute_writer<Message> write{point, in};
  for (const auto& label : of.label)
    write(label.name, std::string_view{label.value});
}

template <class Message>
void write_times(Message& point, MetricType type, const observed_span& over) {
  // Somebody may have set the clock back since.
  if (type != MetricType::Gauge)
    point.fixed64({2, "startTimeUnixNano"}, nanoseconds(std::min(over.begin, over.end)));
  point.fixed64({3, "timeUnixNano"}, nanoseconds(over.end));
}

template <class Message>
void write_number(Message& point, MetricType type, const ClientMetric& of,
                  const observed_span& over) {
  write_times(point, type, over);
  point.real({4, "asDouble"}, type == MetricType::Counter ? of.counter.value : of.gauge.value);
  write_labels(point, {7, "attributes"}, of);
}

template <class Message>
void write_histogram(Message& point, const ClientMetric& of, const observed_span& over) {
  const buckets all{of.histogram};
  write_times(point, MetricType::Histogram, over);
  point.fixed64({4, "count"}, of.histogram.sample_count);
  point.real({5, "sum"}, of.histogram.sample_sum);
  point.fixed64s({6, "bucketCounts"}, all.counts);
  point.reals({7, "explicitBounds"}, all.bounds);
  write_labels(point, {9, "attributes"}, of);
}

template <class Message>
void write_points(Message& data, const MetricFamily& family, const observed_span& over) {
  auto&& list = data.in_list(points);
  for (const auto& one : family.metric) {
    Message point{list, points};
    if (family.type == MetricType::Histogram)
      write_histogram(point, one, over);
    else
      write_number(point, family.type, one, over);
  }
}

/// What the data of a metric are called, by their type.
field data_field(MetricType type) {
  switch (type) {
    case MetricType::Counter: return {7, "sum"};
    case MetricType::Histogram: return {9, "histogram"};
    default: return {5, "gauge"};
  }
}

template <class Message>
void write_metric(Message& out, const MetricFamily& family, const observed_span& over) {
  out.text({1, "name"}, family.name);
  out.text({2, "description"}, family.help);
  if (auto unit = unit_of(family.name); !unit.empty())
    out.text({3, "unit"}, unit);
  Message data{out, data_field(family.type)};
  write_points(data, family, over);
  if (family.type == MetricType::Counter || family.type == MetricType::Histogram)
    data.code({2, "aggregationTemporality"}, cumulative);
  if (family.type == MetricType::Counter)
    data.flag({3, "isMonotonic"}, true);
}

} // namespace

std::string encode_metrics(std::span<const MetricFamily> families, const identity& from,
                           const observed_span& over) {
  return envelope_for(from, metrics, [&]<class Message>(auto& list, field in) {
    for (const auto& family : families) {
      Message out{list, in};
      write_metric(out, family, over);
    }
  });
}

} // namespace proxy::otlp
