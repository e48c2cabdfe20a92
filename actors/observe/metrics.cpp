#include "actors/observe/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <sstream>

#include "actors/observe/metrics/process_families.hpp"
#include "actors/observe/metrics/shard_families.hpp"
#include "actors/version.hpp"

namespace proxy {

std::vector<prometheus::MetricFamily> metric_families(const metrics& what) {
  std::vector<prometheus::MetricFamily> all;
  all.push_back(gauge_family("info", "Version."));
  add_sample(all.back(), 1.0, {label("version", version)});
  append_policy(all, what);
  append_traffic(all, what.counters);
  append_times(all, what.counters);
  append_load(all, what);
  append_process(all, what);
  return all;
}

std::string metrics_text(const metrics& what) {
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, metric_families(what));
  return std::move(out).str();
}

} // namespace proxy
