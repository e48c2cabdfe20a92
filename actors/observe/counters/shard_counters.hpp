#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <cstdint>

#include "actors/observe/counters/histogram.hpp"
#include "actors/observe/counters/labels.hpp"
#include "policy/reason.hpp"
#include "protocols/enum_array.hpp"
#include "protocols/error.hpp"

namespace proxy {

/// Decisions by all that a decision is told apart by.
class decision_counts {
public:
  [[nodiscard]] uint64_t& at(policy::protocol p, policy::mode m, policy::decision d,
                             policy::reason r) noexcept {
    return counts_[p][m][d][r];
  }
  [[nodiscard]] uint64_t at(policy::protocol p, policy::mode m, policy::decision d,
                            policy::reason r) const noexcept {
    return counts_[p][m][d][r];
  }
  /// Whatever was asked for, and whatever the mode.
  [[nodiscard]] uint64_t of(policy::decision d, policy::reason r) const noexcept;
  decision_counts& operator+=(const decision_counts& other) noexcept;

private:
  template <class E, class T>
  using by = enum_array<E, T>;
  by<policy::protocol, by<policy::mode, by<policy::decision, by<policy::reason, uint64_t>>>>
    counts_;
};

/// A TLS handshake, by how it ended.
using handshake_times = enum_array<handshake_result, histogram<wait_bounds>>;

/// What one shard counts: plain numbers that belong to its loop. All only grow but those "of now".
/// Nothing in it is as large as what clients send is varied.
struct shard_counters {
  uint64_t connections_total = 0;
  uint64_t connections_refused = 0; ///< Over a limit.
  uint64_t requests_refused = 0;    ///< For lack of memory.
  uint64_t requests_total = 0;
  uint64_t bytes_up = 0; ///< Of requests and tunnels.
  uint64_t bytes_down = 0;
  uint64_t tunnel_bytes_up = 0; ///< Of tunnels alone, read ones too.
  uint64_t tunnel_bytes_down = 0;
  uint64_t http2_streams_total = 0; ///< That clients opened.
  uint64_t upstream_connects = 0;
  uint64_t upstream_reuses = 0;
  uint64_t accept_pauses = 0;
  uint64_t hooks_applied = 0;    ///< Requests that went on as a hook has it.
  uint64_t udp_datagrams_up = 0; ///< Sent on to a target.
  uint64_t udp_datagrams_down = 0;
  uint64_t udp_dropped_refused = 0; ///< To a target that is refused, unreachable, or not known yet.
  uint64_t udp_dropped_fragments = 0;
  uint64_t udp_dropped_malformed = 0;
  uint64_t udp_dropped_foreign = 0;  ///< From somebody who is not part of the association.
  uint64_t udp_dropped_unsent = 0;   ///< A socket took no more.
  enum_array<errc, uint64_t> faults; ///< Answers of ours that name a fault.
  enum_array<leaf_result, uint64_t> leaf_certificates;
  decision_counts decisions;

  // -- of now --

  enum_array<spoken, uint64_t> connections_active;
  uint64_t tunnels_active = 0;
  uint64_t http2_streams_active = 0;
  uint64_t udp_associations_active = 0;
  uint64_t upstream_idle = 0;
  uint64_t pending_questions = 0;  ///< That wait for somebody's word.
  uint64_t leaf_cache_entries = 0; ///< Certificates at hand, those for refused hosts too.
  uint64_t actors_with_mail = 0;   ///< Of one shard; not a part of sums.

  // -- how long, and how much --

  enum_array<phase, histogram<wait_bounds>> request_time;
  enum_array<look_up_result, histogram<wait_bounds>> dns_time;
  enum_array<connect_result, histogram<wait_bounds>> connect_time;
  enum_array<tls_side, handshake_times> handshake_time;
  histogram<lifetime_bounds> tunnel_time;
  histogram<size_bounds> tunnel_size; ///< Both ways together.
};

/// So much each worker keeps, and a scrape copies.
static_assert(sizeof(shard_counters) < 16 * 1024);

/// Adds one shard's counters to a sum.
void add(shard_counters& sum, const shard_counters& one) noexcept;

} // namespace proxy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::shard_counters)
