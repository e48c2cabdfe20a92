#pragma once

#include <prometheus/metric_family.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/observe/counters/histogram.hpp"

/// Makes families of Prometheus out of plain numbers.

namespace proxy {

using metric_families_list = std::vector<prometheus::MetricFamily>;
using metric_labels = std::vector<prometheus::ClientMetric::Label>;

/// A name of ours with the prefix that all have.
[[nodiscard]] std::string metric_name(std::string_view name);

/// One label. @pre `value` is of a closed set, never what a client has sent
[[nodiscard]] prometheus::ClientMetric::Label label(std::string_view name, std::string_view value);

/// A family to which samples are added one by one.
[[nodiscard]] prometheus::MetricFamily counter_family(std::string_view name, std::string_view help);
[[nodiscard]] prometheus::MetricFamily gauge_family(std::string_view name, std::string_view help);
[[nodiscard]] prometheus::MetricFamily histogram_family(std::string_view name,
                                                        std::string_view help);

/// A sample, as its family's type has it: a counter or a gauge.
void add_sample(prometheus::MetricFamily& to, double value, metric_labels of = {});
inline void add_sample(prometheus::MetricFamily& to, uint64_t value, metric_labels of = {}) {
  add_sample(to, static_cast<double>(value), std::move(of));
}

/// A histogram, told in the unit that its bounds have.
template <class Bounds>
void add_histogram(prometheus::MetricFamily& to, const histogram<Bounds>& what,
                   metric_labels of = {}) {
  prometheus::ClientMetric out;
  out.label = std::move(of);
  auto& told = out.histogram;
  // Divided by: a millionth is no exact number, and the bound 0.1 has to be the one that 0.1 reads
  // as.
  const auto per_unit = std::round(1 / Bounds::unit);
  for (size_t i = 0; i < what.buckets; ++i) {
    told.sample_count += what.counts()[i];
    if (i < Bounds::upper.size()) // Prometheus adds the last one, +Inf, itself
      told.bucket.push_back({told.sample_count, static_cast<double>(Bounds::upper[i]) / per_unit});
  }
  told.sample_sum = static_cast<double>(what.sum()) / per_unit;
  to.metric.push_back(std::move(out));
}

/// A family with one sample without labels.
[[nodiscard]] prometheus::MetricFamily counter(std::string_view name, std::string_view help,
                                               double value);
[[nodiscard]] prometheus::MetricFamily gauge(std::string_view name, std::string_view help,
                                             double value);

} // namespace proxy
