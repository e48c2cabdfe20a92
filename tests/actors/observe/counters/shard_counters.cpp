#define CAF_SUITE actors.observe.counters.shard_counters
#include "actors/observe/counters/shard_counters.hpp" // unit under test

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <utility>

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
  // All of it is numbers, and each is 1 here. (In those by an enum there are places that no value
  // has.)
  using numbers = std::array<uint64_t, sizeof(shard_counters) / sizeof(uint64_t)>;
  numbers ones;
  ones.fill(1);
  shard_counters sum;
  add(sum, std::bit_cast<shard_counters>(ones));
  CAF_CHECK_EQUAL(std::exchange(sum.actors_with_mail, 1), 0u);
  auto all = std::bit_cast<numbers>(sum);
  auto are_ones = [&](size_t from, size_t end) {
    return std::all_of(&all.at(from / sizeof(uint64_t)), &all.at(end / sizeof(uint64_t)),
                       [](uint64_t number) { return number == 1; });
  };
  CAF_CHECK(are_ones(0, offsetof(shard_counters, faults)));
  CAF_CHECK(
    are_ones(offsetof(shard_counters, tunnels_active), offsetof(shard_counters, request_time)));
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
