#include "actors/observe/metrics/family.hpp"

namespace proxy {

namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily family(MetricType type, std::string_view name, std::string_view help) {
  return {std::string{name}, std::string{help}, type, {}};
}

} // namespace

std::string metric_name(std::string_view name) {
  return std::string{"codex_network_proxy_"}.append(name);
}

prometheus::ClientMetric::Label label(std::string_view name, std::string_view value) {
  return {std::string{name}, std::string{value}};
}

MetricFamily counter_family(std::string_view name, std::string_view help) {
  return family(MetricType::Counter, metric_name(name), help);
}

MetricFamily gauge_family(std::string_view name, std::string_view help) {
  return family(MetricType::Gauge, metric_name(name), help);
}

MetricFamily histogram_family(std::string_view name, std::string_view help) {
  return family(MetricType::Histogram, metric_name(name), help);
}

void add_sample(MetricFamily& to, double value, metric_labels of) {
  prometheus::ClientMetric out;
  out.label = std::move(of);
  (to.type == MetricType::Counter ? out.counter.value : out.gauge.value) = value;
  to.metric.push_back(std::move(out));
}

MetricFamily counter(std::string_view name, std::string_view help, double value) {
  auto out = counter_family(name, help);
  add_sample(out, value);
  return out;
}

MetricFamily gauge(std::string_view name, std::string_view help, double value) {
  auto out = gauge_family(name, help);
  add_sample(out, value);
  return out;
}

} // namespace proxy
