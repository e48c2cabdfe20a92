#define CAF_SUITE actors.observe.otlp.encoding.encode_metrics
#include "actors/observe/otlp/encoding/encode.hpp" // unit under test

#include <limits>

#include "tests/actors/observe/otlp/encoding/encoded.hpp"

using namespace proxy;
using namespace proxy::test;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

namespace {

std::vector<MetricFamily> some_families() {
  ClientMetric count;
  count.label = {{"direction", "up"}};
  count.counter.value = 12;
  ClientMetric level;
  level.gauge.value = 0.5;
  ClientMetric times;
  times.histogram.sample_count = 6;
  times.histogram.sample_sum = 2.5;
  times.histogram.bucket = {{1, 0.1}, {4, 1}, {6, std::numeric_limits<double>::infinity()}};
  return {{"tunnel_bytes_total", "Bytes.", MetricType::Counter, {count, count}},
          {"load", "Load.", MetricType::Gauge, {level}},
          {"dns_duration_seconds", "Times.", MetricType::Histogram, {times}}};
}

const otlp::observed_span hour{otlp::moment{std::chrono::seconds{10}},
                               otlp::moment{std::chrono::seconds{3610}}};

} // namespace

CAF_TEST(each type of metric has data of its own) {
  auto body = otlp::encode_metrics(some_families(), sender(config::otlp_encoding::json), hour);
  auto all = items_of(body, "resourceMetrics", "scopeMetrics", "metrics");
  CAF_REQUIRE_EQUAL(all.size(), 3u);
  CAF_CHECK_EQUAL(all[0]["name"], "tunnel_bytes_total");
  CAF_CHECK_EQUAL(all[0]["description"], "Bytes.");
  CAF_CHECK_EQUAL(all[0]["unit"], "By");
  CAF_CHECK_EQUAL(all[0]["sum"], nlohmann::json::parse(R"({
    "dataPoints": [
      {"startTimeUnixNano": "10000000000", "timeUnixNano": "3610000000000", "asDouble": 12,
       "attributes": [{"key": "direction", "value": {"stringValue": "up"}}]},
      {"startTimeUnixNano": "10000000000", "timeUnixNano": "3610000000000", "asDouble": 12,
       "attributes": [{"key": "direction", "value": {"stringValue": "up"}}]}],
    "aggregationTemporality": 2, "isMonotonic": true})"));
  CAF_CHECK_EQUAL(all[1]["gauge"], nlohmann::json::parse(R"({
    "dataPoints": [{"timeUnixNano": "3610000000000", "asDouble": 0.5, "attributes": []}]})"));
  CAF_CHECK(!all[1].contains("unit"));
  CAF_CHECK_EQUAL(all[2]["unit"], "s");
  CAF_CHECK_EQUAL(all[2]["histogram"], nlohmann::json::parse(R"({
    "dataPoints": [{"startTimeUnixNano": "10000000000", "timeUnixNano": "3610000000000",
      "count": "6", "sum": 2.5, "bucketCounts": ["1", "3", "2"], "explicitBounds": [0.1, 1],
      "attributes": []}],
    "aggregationTemporality": 2})"));
}

CAF_TEST(nothing begins after its end where the clock was set back) {
  const otlp::observed_span back{hour.end, hour.begin};
  auto body = otlp::encode_metrics(some_families(), sender(config::otlp_encoding::json), back);
  for (const auto& metric : items_of(body, "resourceMetrics", "scopeMetrics", "metrics"))
    for (const auto* kind : {"sum", "histogram"})
      if (metric.contains(kind)) {
        auto point = metric[kind]["dataPoints"][0];
        CAF_CHECK_EQUAL(point["startTimeUnixNano"], "10000000000");
        CAF_CHECK_EQUAL(point["timeUnixNano"], "10000000000");
      }
}

CAF_TEST(protobuf has the buckets packed) {
  auto all = messages_of(
    otlp::encode_metrics(some_families(), sender(config::otlp_encoding::protobuf), hour));
  CAF_REQUIRE_EQUAL(all.size(), 3u);
  protozero::pbf_reader metric{all[2]};
  CAF_REQUIRE(metric.next(9));
  auto histogram = metric.get_message();
  CAF_REQUIRE(histogram.next(1));
  auto point = histogram.get_message();
  CAF_REQUIRE(point.next(6));
  auto counts = point.get_packed_fixed64();
  CAF_CHECK(
    (std::vector<uint64_t>{counts.begin(), counts.end()} == std::vector<uint64_t>{1, 3, 2}));
  CAF_REQUIRE(point.next(7));
  auto bounds = point.get_packed_double();
  CAF_CHECK((std::vector<double>{bounds.begin(), bounds.end()} == std::vector<double>{0.1, 1}));
}
