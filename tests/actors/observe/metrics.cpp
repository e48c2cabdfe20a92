#define CAF_SUITE actors.observe.metrics
#include "actors/observe/metrics.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

bool has_line(const std::string& text, const std::string& line) {
  return text.find('\n' + line + '\n') != std::string::npos;
}

} // namespace

CAF_TEST(counters of shards add up) {
  shard_counters one;
  one.connections_active = 1;
  one.requests_total = 2;
  one.bytes_up = 3;
  one.bytes_down = 4;
  one.decisions[policy::decision::allow][policy::reason::allow] = 5;
  one.decisions[policy::decision::ask][policy::reason::client_required] = 6;
  one.faults[errc::system] = 7;
  shard_counters sum;
  add(sum, one);
  add(sum, one);
  CAF_CHECK_EQUAL(sum.connections_active, 2u);
  CAF_CHECK_EQUAL(sum.requests_total, 4u);
  CAF_CHECK_EQUAL(sum.bytes_up, 6u);
  CAF_CHECK_EQUAL(sum.bytes_down, 8u);
  CAF_CHECK_EQUAL((sum.decisions[policy::decision::allow][policy::reason::allow]), 10u);
  CAF_CHECK_EQUAL((sum.decisions[policy::decision::ask][policy::reason::client_required]), 12u);
  CAF_CHECK_EQUAL(sum.faults[errc::system], 14u);
}

CAF_TEST(every series is written with its value and type) {
  metrics what;
  what.counters.connections_active = 3;
  what.counters.tunnels_active = 2;
  what.counters.bytes_up = 10;
  what.counters.bytes_down = 123'456'789'012;
  what.counters.decisions[policy::decision::deny][policy::reason::denied] = 7;
  what.counters.decisions[policy::decision::ask][policy::reason::policy_denied] = 1;
  what.counters.faults[errc::dns_error] = 11;
  what.generation = 4;
  what.audit_dropped = 9;
  what.log_dropped = 13;
  what.memory_held = 5;
  what.memory_limit = 6;
  what.counters.requests_refused = 8;
  what.process.open_descriptors = 12;
  auto text = metrics_text(what);
  for (auto line : {
         "# TYPE codex_network_proxy_decisions_total counter",
         R"(codex_network_proxy_decisions_total{decision="deny",reason="denied"} 7)",
         R"(codex_network_proxy_decisions_total{decision="allow",reason="allow"} 0)",
         R"(codex_network_proxy_decisions_total{decision="deny",reason="not_allowed"} 0)",
         R"(codex_network_proxy_decisions_total{decision="ask",reason="policy_denied"} 1)",
         "# TYPE codex_network_proxy_faults_total counter",
         R"(codex_network_proxy_faults_total{kind="dns_error"} 11)",
         R"(codex_network_proxy_faults_total{kind="http_response_timeout"} 0)",
         "# TYPE codex_network_proxy_connections_active gauge",
         "codex_network_proxy_connections_active 3",
         "codex_network_proxy_tunnels_active 2",
         R"(codex_network_proxy_tunnel_bytes_total{direction="up"} 10)",
         R"(codex_network_proxy_tunnel_bytes_total{direction="down"} 123456789012)",
         "codex_network_proxy_policy_generation 4",
         "codex_network_proxy_audit_dropped_total 9",
         "# TYPE codex_network_proxy_events_dropped_total counter",
         R"(codex_network_proxy_events_dropped_total{subscriber="audit"} 9)",
         R"(codex_network_proxy_events_dropped_total{subscriber="log"} 13)",
         "codex_network_proxy_memory_held_bytes 5",
         "codex_network_proxy_memory_limit_bytes 6",
         "codex_network_proxy_requests_refused_total 8",
         "process_open_fds 12",
       }) {
    CAF_MESSAGE(line);
    CAF_CHECK(has_line(text, line));
  }
  CAF_CHECK_EQUAL(text.find(R"(decision="allow",reason="denied")"), std::string::npos);
  CAF_CHECK_EQUAL(text.find(R"(kind="closed")"), std::string::npos); // nobody is answered
}

CAF_TEST(the process knows its own usage) {
  auto usage = current_usage();
  CAF_CHECK(usage.max_descriptors > 0);
  CAF_CHECK(usage.start_time_seconds > 1.7e9);
#ifndef PROXY_PORTABLE
  CAF_CHECK(usage.resident_bytes > 100'000);
  CAF_CHECK(usage.virtual_bytes >= usage.resident_bytes);
#endif
  CAF_CHECK(usage.open_descriptors >= 3);
  CAF_CHECK(usage.open_descriptors <= usage.max_descriptors);
}
