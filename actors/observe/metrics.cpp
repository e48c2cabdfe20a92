#include "actors/observe/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <span>
#include <sstream>
#include <utility>
#include <vector>

#include "actors/version.hpp"

namespace proxy {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using labels = std::vector<ClientMetric::Label>;

constexpr std::string_view prefix = "codex_network_proxy_";

/// A counter or gauge of ours with one value.
struct row {
  MetricType type;
  std::string_view name;
  uint64_t shard_counters::*value;
  std::string_view help;
};

constexpr row rows[] = {
  {MetricType::Gauge, "connections_active", &shard_counters::connections_active,
   "Open client connections."},
  {MetricType::Counter, "connections_total", &shard_counters::connections_total,
   "Client connections accepted."},
  {MetricType::Counter, "connections_refused_total", &shard_counters::connections_refused,
   "Client connections turned away because a limit was reached."},
  {MetricType::Counter, "requests_refused_total", &shard_counters::requests_refused,
   "Requests and connections turned away because memory ran short."},
  {MetricType::Gauge, "tunnels_active", &shard_counters::tunnels_active, "Open tunnels."},
  {MetricType::Counter, "requests_total", &shard_counters::requests_total, "Requests received."},
  {MetricType::Counter, "http2_streams_total", &shard_counters::http2_streams_total,
   "Streams that clients opened on HTTP/2 connections."},
  {MetricType::Counter, "upstream_connects_total", &shard_counters::upstream_connects,
   "Connections made to upstreams."},
  {MetricType::Counter, "upstream_reuses_total", &shard_counters::upstream_reuses,
   "Requests sent over an upstream connection that had served before."},
  {MetricType::Gauge, "upstream_idle", &shard_counters::upstream_idle,
   "Upstream connections kept for reuse."},
  {MetricType::Counter, "accept_pauses_total", &shard_counters::accept_pauses,
   "Times accepting paused for lack of descriptors."},
  {MetricType::Gauge, "udp_associations_active", &shard_counters::udp_associations_active,
   "Open UDP associations."},
};

ClientMetric sample(MetricType type, double value, labels of = {}) {
  ClientMetric out;
  out.label = std::move(of);
  (type == MetricType::Counter ? out.counter.value : out.gauge.value) = value;
  return out;
}

MetricFamily family(MetricType type, std::string name, std::string_view help,
                    std::vector<ClientMetric> samples) {
  return {std::move(name), std::string{help}, type, std::move(samples)};
}

MetricFamily single(MetricType type, std::string name, std::string_view help, double value) {
  return family(type, std::move(name), help, {sample(type, value)});
}

std::string ours(std::string_view name) { return std::string{prefix} + std::string{name}; }

/// Series that can occur are there from the start, so that their first increase is seen.
bool is_expected(policy::decision d, policy::reason r) {
  return (d == policy::decision::allow) == (r == policy::reason::allow) &&
         d != policy::decision::ask;
}

MetricFamily decisions(const shard_counters& counters) {
  std::vector<ClientMetric> samples;
  for (auto decision : enum_values<policy::decision>())
    for (auto reason : enum_values<policy::reason>()) {
      auto count = counters.decisions[decision][reason];
      if (count > 0 || is_expected(decision, reason))
        samples.push_back(sample(MetricType::Counter, static_cast<double>(count),
                                 {{"decision", std::string{policy::to_string(decision)}},
                                  {"reason", std::string{policy::to_string(reason)}}}));
    }
  return family(MetricType::Counter, ours("decisions_total"), "Policy decisions.",
                std::move(samples));
}

/// One family of series that differ in one label.
struct labelled {
  std::string_view value;
  uint64_t shard_counters::*count;
};
constexpr labelled datagrams_sent[] = {{"up", &shard_counters::udp_datagrams_up},
                                       {"down", &shard_counters::udp_datagrams_down}};
constexpr labelled datagrams_dropped[] = {
  {"refused", &shard_counters::udp_dropped_refused},
  {"fragment", &shard_counters::udp_dropped_fragments},
  {"malformed", &shard_counters::udp_dropped_malformed},
  {"foreign", &shard_counters::udp_dropped_foreign},
  {"unsent", &shard_counters::udp_dropped_unsent},
};

MetricFamily by_label(const shard_counters& counters, std::string_view name, std::string_view help,
                      std::string_view label, std::span<const labelled> series) {
  std::vector<ClientMetric> samples;
  for (const auto& s : series)
    samples.push_back(sample(MetricType::Counter, static_cast<double>(counters.*s.count),
                             {{std::string{label}, std::string{s.value}}}));
  return family(MetricType::Counter, ours(name), help, std::move(samples));
}

/// By the codes that a client can meet, and no others: what they are is for the log.
MetricFamily faults(const shard_counters& counters) {
  std::vector<ClientMetric> samples;
  for (const auto& one : outcomes)
    if (auto count = counters.faults[one.code]; one.http_status != 0 || count > 0)
      samples.push_back(
        sample(MetricType::Counter, static_cast<double>(count), {{"kind", to_string(one.code)}}));
  return family(MetricType::Counter, ours("faults_total"),
                "Answers of the proxy that name a fault of the client, an upstream or its own.",
                std::move(samples));
}

MetricFamily bytes(const shard_counters& counters) {
  auto up =
    sample(MetricType::Counter, static_cast<double>(counters.bytes_up), {{"direction", "up"}});
  auto down =
    sample(MetricType::Counter, static_cast<double>(counters.bytes_down), {{"direction", "down"}});
  return family(MetricType::Counter, ours("tunnel_bytes_total"),
                "Bytes relayed by connections that have ended; up is towards the upstream.",
                {up, down});
}

/// The ring behind GET /blocked loses nothing: it keeps the newest.
MetricFamily dropped_events(const metrics& what) {
  auto series = [](std::string_view subscriber, uint64_t count) {
    return sample(MetricType::Counter, static_cast<double>(count),
                  {{"subscriber", std::string{subscriber}}});
  };
  return family(MetricType::Counter, ours("events_dropped_total"),
                "Events and log lines that were lost, for lack of room or by where they go.",
                {series("audit", what.audit_dropped), series("log", what.log_dropped),
                 series("otlp", what.otlp_dropped)});
}

/// The names that Prometheus' client libraries agree on.
void append_process(std::vector<MetricFamily>& out, const process_usage& usage) {
  auto gauge = [&](std::string name, std::string_view help, double value) {
    out.push_back(single(MetricType::Gauge, std::move(name), help, value));
  };
  out.push_back(single(MetricType::Counter, "process_cpu_seconds_total",
                       "User and system CPU time.", usage.cpu_seconds));
  gauge("process_start_time_seconds", "Start of the process since the Unix epoch.",
        usage.start_time_seconds);
  gauge("process_resident_memory_bytes", "Resident memory.",
        static_cast<double>(usage.resident_bytes));
  gauge("process_virtual_memory_bytes", "Virtual memory.",
        static_cast<double>(usage.virtual_bytes));
  gauge("process_open_fds", "Open file descriptors.", static_cast<double>(usage.open_descriptors));
  gauge("process_max_fds", "Limit on file descriptors.",
        static_cast<double>(usage.max_descriptors));
}

} // namespace

void add(shard_counters& sum, const shard_counters& one) noexcept {
  for (auto& r : rows)
    sum.*r.value += one.*r.value;
  for (auto list : {std::span<const labelled>{datagrams_sent}, {datagrams_dropped}})
    for (const auto& s : list)
      sum.*s.count += one.*s.count;
  sum.bytes_up += one.bytes_up;
  sum.bytes_down += one.bytes_down;
  for (auto d : enum_values<policy::decision>())
    for (auto r : enum_values<policy::reason>())
      sum.decisions[d][r] += one.decisions[d][r];
  for (auto code : enum_values<errc>())
    sum.faults[code] += one.faults[code];
}

std::vector<MetricFamily> metric_families(const metrics& what) {
  std::vector<MetricFamily> all;
  all.push_back(family(MetricType::Gauge, ours("info"), "Version.",
                       {sample(MetricType::Gauge, 1, {{"version", std::string{version}}})}));
  all.push_back(decisions(what.counters));
  all.push_back(faults(what.counters));
  for (auto& r : rows)
    all.push_back(
      single(r.type, ours(r.name), r.help, static_cast<double>(what.counters.*r.value)));
  all.push_back(bytes(what.counters));
  all.push_back(by_label(what.counters, "udp_datagrams_total", "Datagrams relayed.", "direction",
                         datagrams_sent));
  all.push_back(
    by_label(what.counters, "udp_dropped_total", "Datagrams dropped.", "cause", datagrams_dropped));
  auto add_single = [&](MetricType type, std::string_view name, std::string_view help,
                        uint64_t value) {
    all.push_back(single(type, ours(name), help, static_cast<double>(value)));
  };
  add_single(MetricType::Gauge, "workers", "Threads that serve connections.", what.shards);
  add_single(MetricType::Gauge, "policy_generation", "Generation of the policy in force.",
             what.generation);
  all.push_back(dropped_events(what));
  add_single(MetricType::Counter, "audit_dropped_total", "Audit events that were lost.",
             what.audit_dropped);
  add_single(MetricType::Gauge, "audit_waiting", "Audit events that are not yet written.",
             what.audit_waiting);
  add_single(MetricType::Gauge, "otlp_waiting", "Events and spans that wait for the collector.",
             what.otlp_waiting);
  add_single(MetricType::Counter, "otlp_delivered_total",
             "Events and spans that the collector has taken.", what.otlp_delivered);
  add_single(MetricType::Gauge, "memory_held_bytes", "What the buffers of connections hold.",
             what.memory_held);
  add_single(MetricType::Gauge, "memory_limit_bytes",
             "What they may hold before nothing new is taken.", what.memory_limit);
  append_process(all, what.process);
  return all;
}

std::string metrics_text(const metrics& what) {
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, metric_families(what));
  return std::move(out).str();
}

} // namespace proxy
