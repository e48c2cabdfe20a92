#include "actors/observe/counters/shard_counters.hpp"

namespace proxy {

namespace {

using number = uint64_t shard_counters::*;

constexpr number numbers[] = {
  &shard_counters::connections_total,
  &shard_counters::connections_refused,
  &shard_counters::requests_refused,
  &shard_counters::requests_total,
  &shard_counters::bytes_up,
  &shard_counters::bytes_down,
  &shard_counters::tunnel_bytes_up,
  &shard_counters::tunnel_bytes_down,
  &shard_counters::http2_streams_total,
  &shard_counters::upstream_connects,
  &shard_counters::upstream_reuses,
  &shard_counters::accept_pauses,
  &shard_counters::hooks_applied,
  &shard_counters::udp_datagrams_up,
  &shard_counters::udp_datagrams_down,
  &shard_counters::udp_dropped_refused,
  &shard_counters::udp_dropped_fragments,
  &shard_counters::udp_dropped_malformed,
  &shard_counters::udp_dropped_foreign,
  &shard_counters::udp_dropped_unsent,
  &shard_counters::tunnels_active,
  &shard_counters::http2_streams_active,
  &shard_counters::udp_associations_active,
  &shard_counters::upstream_idle,
  &shard_counters::pending_questions,
  &shard_counters::leaf_cache_entries,
};

template <class E, class T>
void add(enum_array<E, T>& sum, const enum_array<E, T>& one) noexcept {
  for (auto value : enum_values<E>())
    if constexpr (requires { sum[value] += one[value]; })
      sum[value] += one[value];
    else
      add(sum[value], one[value]);
}

} // namespace

decision_counts& decision_counts::operator+=(const decision_counts& other) noexcept {
  add(counts_, other.counts_);
  return *this;
}

uint64_t decision_counts::of(policy::decision d, policy::reason r) const noexcept {
  uint64_t sum = 0;
  for (auto p : enum_values<policy::protocol>())
    for (auto m : enum_values<policy::mode>())
      sum += at(p, m, d, r);
  return sum;
}

void add(shard_counters& sum, const shard_counters& one) noexcept {
  for (auto number : numbers)
    sum.*number += one.*number;
  add(sum.faults, one.faults);
  add(sum.leaf_certificates, one.leaf_certificates);
  add(sum.connections_active, one.connections_active);
  sum.decisions += one.decisions;
  add(sum.request_time, one.request_time);
  add(sum.dns_time, one.dns_time);
  add(sum.connect_time, one.connect_time);
  add(sum.handshake_time, one.handshake_time);
  sum.tunnel_time += one.tunnel_time;
  sum.tunnel_size += one.tunnel_size;
}

} // namespace proxy
