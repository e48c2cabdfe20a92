#include "actors/observe/metrics/shard_families.hpp"

namespace proxy {

namespace {

using prometheus::MetricFamily;

/// One histogram for each value of an enum.
template <class E, class Bounds>
MetricFamily by_enum(std::string_view name, std::string_view help, std::string_view key,
                     const enum_array<E, histogram<Bounds>>& times) {
  auto out = histogram_family(name, help);
  for (const auto& each : enum_table<E>::rows)
    add_histogram(out, times[each.value], {label(key, each.name)});
  return out;
}

MetricFamily handshakes(const enum_array<tls_side, handshake_times>& times) {
  auto out = histogram_family("tls_handshake_duration_seconds",
                              "TLS handshakes with clients of read tunnels, and with upstreams.");
  for (const auto& side : tls_sides)
    for (const auto& result : handshake_results)
      add_histogram(out, times[side.value][result.value],
                    {label("side", side.name), label("result", result.name)});
  return out;
}

template <class Bounds>
MetricFamily single(std::string_view name, std::string_view help, const histogram<Bounds>& what) {
  auto out = histogram_family(name, help);
  add_histogram(out, what);
  return out;
}

} // namespace

void append_times(metric_families_list& out, const shard_counters& counters) {
  out.push_back(by_enum("request_duration_seconds",
                        "What requests wait for: each phase that a request has gone through, once "
                        "for each time.",
                        "phase", counters.request_time));
  out.push_back(by_enum("dns_duration_seconds", "Look-ups of names.", "result", counters.dns_time));
  out.push_back(by_enum("connect_duration_seconds",
                        "Connecting to an upstream, all addresses of its name together.", "result",
                        counters.connect_time));
  out.push_back(handshakes(counters.handshake_time));
  out.push_back(
    single("tunnel_duration_seconds", "How long tunnels were open.", counters.tunnel_time));
  out.push_back(single("tunnel_size_bytes", "Bytes of tunnels that have ended, both ways together.",
                       counters.tunnel_size));
}

} // namespace proxy
