#define CAF_SUITE actors.observe.counters.shard_counters
#include "actors/observe/counters/shard_counters.hpp" // unit under test

#include <cstring>

#include "tests/support/test.hpp"

using namespace proxy;
using policy::decision;
using policy::reason;

CAF_TEST(counters of shards add up) {
  shard_counters one;
  one.connections_active[spoken::socks5] = 1;
  one.requests_total = 2;
  one.bytes_up = 3;
  one.tunnel_bytes_down = 4;
  one.decisions.at(policy::protocol::https, policy::mode::full, decision::allow, reason::allow) = 5;
  one.decisions.at(policy::protocol::http, policy::mode::limited, decision::ask,
                   reason::client_required) = 6;
  one.faults[errc::system] = 7;
  one.leaf_certificates[leaf_result::minted] = 8;
  one.request_time[phase::tls].observe(uint64_t{9});
  one.handshake_time[tls_side::client][handshake_result::error].observe(uint64_t{10});
  one.tunnel_size.observe(uint64_t{11});
  shard_counters sum;
  add(sum, one);
  add(sum, one);
  CAF_CHECK_EQUAL(sum.connections_active[spoken::socks5], 2u);
  CAF_CHECK_EQUAL(sum.requests_total, 4u);
  CAF_CHECK_EQUAL(sum.bytes_up, 6u);
  CAF_CHECK_EQUAL(sum.tunnel_bytes_down, 8u);
  auto allowed = sum.decisions.of(decision::allow, reason::allow);
  CAF_CHECK_EQUAL(allowed, 10u);
  auto asked = sum.decisions.of(decision::ask, reason::client_required);
  CAF_CHECK_EQUAL(asked, 12u);
  CAF_CHECK_EQUAL(sum.faults[errc::system], 14u);
  CAF_CHECK_EQUAL(sum.leaf_certificates[leaf_result::minted], 16u);
  auto tls = sum.request_time[phase::tls].sum();
  CAF_CHECK_EQUAL(tls, 18u);
  auto failed = sum.handshake_time[tls_side::client][handshake_result::error].sum();
  CAF_CHECK_EQUAL(failed, 20u);
  auto size = sum.tunnel_size.sum();
  CAF_CHECK_EQUAL(size, 22u);
}

CAF_TEST(no counter is left out of a sum but what is of one shard alone) {
  // Every number of a shard is 1. All of it is such numbers; one is set by itself.
  shard_counters one, sum;
  std::array<uint64_t, sizeof(shard_counters) / sizeof(uint64_t)> numbers;
  numbers.fill(1);
  static_assert(std::is_trivially_copyable_v<shard_counters> &&
                sizeof(numbers) == sizeof(shard_counters));
  std::memcpy(&one, numbers.data(), sizeof(one));
  add(sum, one);
  CAF_CHECK_EQUAL(sum.actors_with_mail, 0u);
  for (auto number : {&shard_counters::connections_total,
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
                      &shard_counters::leaf_cache_entries})
    CAF_CHECK_EQUAL(sum.*number, 1u);
}

CAF_TEST(every error of a dial and of a look up has its label) {
  struct row {
    errc code;
    connect_result dial;
    look_up_result look_up;
  };
  for (auto [code, dial, look_up] :
       {row{errc::connection_refused, connect_result::refused, look_up_result::error},
        {errc::host_unreachable, connect_result::unreachable, look_up_result::error},
        {errc::network_unreachable, connect_result::unreachable, look_up_result::error},
        {errc::connection_timeout, connect_result::timeout, look_up_result::error},
        {errc::cancelled, connect_result::abandoned, look_up_result::error},
        {errc::policy_changed, connect_result::abandoned, look_up_result::error},
        {errc::overloaded, connect_result::error, look_up_result::error},
        {errc::dns_error, connect_result::error, look_up_result::error},
        {errc::dns_timeout, connect_result::error, look_up_result::timeout}}) {
    CAF_MESSAGE(to_string(code));
    CAF_CHECK(connect_result_of(code) == dial);
    CAF_CHECK(look_up_result_of(code) == look_up);
  }
}
