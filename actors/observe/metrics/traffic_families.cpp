#include "actors/observe/metrics/shard_families.hpp"

namespace proxy {

namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using number = uint64_t shard_counters::*;

/// A counter or gauge with one value.
struct row {
  MetricType type;
  std::string_view name;
  number value;
  std::string_view help;
};

constexpr row rows[] = {
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
  {MetricType::Gauge, "http2_streams_active", &shard_counters::http2_streams_active,
   "Streams that clients have open on HTTP/2 connections."},
  {MetricType::Counter, "upstream_connects_total", &shard_counters::upstream_connects,
   "Attempts to connect to upstreams."},
  {MetricType::Counter, "upstream_reuses_total", &shard_counters::upstream_reuses,
   "Requests sent over an upstream connection that had served before."},
  {MetricType::Gauge, "upstream_idle", &shard_counters::upstream_idle,
   "Upstream connections kept for reuse."},
  {MetricType::Counter, "accept_pauses_total", &shard_counters::accept_pauses,
   "Times accepting paused for lack of descriptors."},
  {MetricType::Gauge, "udp_associations_active", &shard_counters::udp_associations_active,
   "Open UDP associations."},
  {MetricType::Gauge, "pending_questions", &shard_counters::pending_questions,
   "Questions to whoever decides that wait for an answer."},
  {MetricType::Gauge, "leaf_cache_entries", &shard_counters::leaf_cache_entries,
   "Certificates for intercepted hosts at hand, in all workers."},
};

/// Series of one family that differ in one label.
struct labelled {
  std::string_view value;
  number count;
};
constexpr labelled relayed[] = {{"up", &shard_counters::bytes_up},
                                {"down", &shard_counters::bytes_down}};
constexpr labelled in_tunnels[] = {{"up", &shard_counters::tunnel_bytes_up},
                                   {"down", &shard_counters::tunnel_bytes_down}};
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
                      std::string_view key, std::span<const labelled> series) {
  auto out = counter_family(name, help);
  for (const auto& s : series)
    add_sample(out, counters.*s.count, {label(key, s.value)});
  return out;
}

/// One series for each value of an enum.
template <class E>
MetricFamily by_enum(MetricFamily out, std::string_view key,
                     const enum_array<E, uint64_t>& counts) {
  for (const auto& each : enum_table<E>::rows)
    add_sample(out, counts[each.value], {label(key, each.name)});
  return out;
}

/// Series that can occur are there from the start, so that their first increase is seen.
bool is_expected(policy::decision d, policy::reason r) {
  return (d == policy::decision::allow) == (r == policy::reason::allow) &&
         d != policy::decision::ask;
}

void add_decisions(MetricFamily& out, const decision_counts& counts, policy::protocol p,
                   policy::mode m) {
  for (auto d : enum_values<policy::decision>())
    for (auto r : enum_values<policy::reason>())
      if (auto count = counts.at(p, m, d, r); count > 0 || is_expected(d, r))
        add_sample(out, count,
                   {label("decision", policy::to_string(d)), label("reason", policy::to_string(r)),
                    label("protocol", policy::to_string(p)), label("mode", policy::to_string(m))});
}

MetricFamily decisions(const decision_counts& counts) {
  auto out = counter_family("decisions_total", "Policy decisions.");
  for (auto p : enum_values<policy::protocol>())
    for (auto m : enum_values<policy::mode>())
      add_decisions(out, counts, p, m);
  return out;
}

/// By the codes that a client can meet, and no others: what they are is for the log.
MetricFamily faults(const enum_array<errc, uint64_t>& counts) {
  auto out =
    counter_family("faults_total",
                   "Answers of the proxy that name a fault of the client, an upstream or its own.");
  for (const auto& one : outcomes)
    if (auto count = counts[one.code]; one.http_status != 0 || count > 0)
      add_sample(out, count, {label("kind", to_string(one.code))});
  return out;
}

MetricFamily hooks(const shard_counters& counters) {
  auto out = counter_family("hooks_total", "Requests inside read tunnels that hooks decided over.");
  uint64_t denied = 0;
  for (auto d : enum_values<policy::decision>())
    denied += counters.decisions.of(d, policy::reason::mitm_hook_denied);
  add_sample(out, counters.hooks_applied, {label("result", "applied")});
  add_sample(out, denied, {label("result", "denied")});
  return out;
}

} // namespace

void append_traffic(metric_families_list& out, const shard_counters& counters) {
  out.push_back(decisions(counters.decisions));
  out.push_back(faults(counters.faults));
  out.push_back(hooks(counters));
  out.push_back(by_enum(gauge_family("connections_active",
                                     "Open client connections by what they speak, so far as it is "
                                     "known; else by their listener."),
                        "protocol", counters.connections_active));
  for (const auto& r : rows)
    out.push_back((r.type == MetricType::Counter ? counter : gauge)(
      r.name, r.help, static_cast<double>(counters.*r.value)));
  out.push_back(by_enum(counter_family("leaf_certificates_total",
                                       "Certificates for intercepted hosts that were wanted."),
                        "result", counters.leaf_certificates));
  out.push_back(by_label(counters, "relayed_bytes_total",
                         "Bytes of requests, responses and tunnels; up is towards the upstream.",
                         "direction", relayed));
  out.push_back(by_label(counters, "tunnel_bytes_total",
                         "Bytes of tunnels alone, those that are read included.", "direction",
                         in_tunnels));
  out.push_back(
    by_label(counters, "udp_datagrams_total", "Datagrams relayed.", "direction", datagrams_sent));
  out.push_back(
    by_label(counters, "udp_dropped_total", "Datagrams dropped.", "cause", datagrams_dropped));
}

} // namespace proxy
