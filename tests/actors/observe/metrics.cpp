#define CAF_SUITE actors.observe.metrics
#include "actors/observe/metrics.hpp" // unit under test

#include <set>
#include <sstream>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::chrono_literals;
using policy::decision;
using policy::reason;

namespace {

bool has_line(const std::string& text, const std::string& line) {
  return text.find('\n' + line + '\n') != std::string::npos;
}

void check_lines(const std::string& text, std::initializer_list<const char*> lines) {
  for (const auto* line : lines) {
    CAF_MESSAGE(line);
    CAF_CHECK(has_line(text, line));
  }
}

/// So many samples as lines there are that are no comments.
size_t samples_in(const std::string& text) {
  size_t all = 0;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    all += !line.starts_with('#');
  return all;
}

uint64_t& decided(shard_counters& of, decision d, reason r) {
  return of.decisions.at(policy::protocol::http, policy::mode::full, d, r);
}

} // namespace

CAF_TEST(every series is written with its value and type) {
  metrics what;
  auto& n = what.counters;
  n.connections_active[spoken::http] = 3;
  n.tunnels_active = 2;
  n.tunnel_bytes_up = 10;
  n.bytes_down = 123'456'789'012;
  decided(n, decision::deny, reason::denied) = 7;
  decided(n, decision::ask, reason::policy_denied) = 1;
  decided(n, decision::deny, reason::mitm_hook_denied) = 2;
  n.hooks_applied = 3;
  n.faults[errc::dns_error] = 11;
  n.requests_refused = 8;
  n.pending_questions = 14;
  n.leaf_certificates[leaf_result::minted] = 15;
  n.leaf_cache_entries = 16;
  what.generation = 4;
  what.reloads_refused = 2;
  what.configured = false;
  what.in_force_since_seconds = 1.5e9;
  what.ca_not_after_seconds = 2e9;
  what.audit = {.waiting = 17, .dropped = 9};
  what.otlp = {.waiting = 18, .dropped = 19};
  what.log_dropped = 13;
  what.log_waiting_bytes = 20;
  what.memory_held = 5;
  what.memory_limit = 6;
  what.connections_limit = 21;
  what.workers = {{.queue_length = 22, .answer_seconds = 0.25}, {}};
  what.process.open_descriptors = 12;
  auto text = metrics_text(what);
  check_lines(
    text,
    {
      "# TYPE codex_network_proxy_decisions_total counter",
      R"(codex_network_proxy_decisions_total{decision="deny",reason="denied",protocol="http",mode="full"} 7)",
      R"(codex_network_proxy_decisions_total{decision="allow",reason="allow",protocol="socks5_udp",mode="limited"} 0)",
      R"(codex_network_proxy_decisions_total{decision="deny",reason="not_allowed",protocol="http",mode="full"} 0)",
      R"(codex_network_proxy_decisions_total{decision="ask",reason="policy_denied",protocol="http",mode="full"} 1)",
      R"(codex_network_proxy_hooks_total{result="applied"} 3)",
      R"(codex_network_proxy_hooks_total{result="denied"} 2)",
      "# TYPE codex_network_proxy_faults_total counter",
      R"(codex_network_proxy_faults_total{kind="dns_error"} 11)",
      R"(codex_network_proxy_faults_total{kind="http_response_timeout"} 0)",
      "# TYPE codex_network_proxy_connections_active gauge",
      R"(codex_network_proxy_connections_active{protocol="http"} 3)",
      R"(codex_network_proxy_connections_active{protocol="http2"} 0)",
      "codex_network_proxy_connections_limit 21",
      "codex_network_proxy_tunnels_active 2",
      R"(codex_network_proxy_tunnel_bytes_total{direction="up"} 10)",
      R"(codex_network_proxy_relayed_bytes_total{direction="down"} 123456789012)",
      "codex_network_proxy_pending_questions 14",
      R"(codex_network_proxy_leaf_certificates_total{result="minted"} 15)",
      "codex_network_proxy_leaf_cache_entries 16",
      "codex_network_proxy_policy_generation 4",
      "codex_network_proxy_enabled 1",
      R"(codex_network_proxy_reloads_total{result="failure"} 2)",
      R"(codex_network_proxy_reloads_total{result="success"} 0)",
      "codex_network_proxy_config_last_reload_successful 0",
      "codex_network_proxy_config_last_reload_success_timestamp_seconds 1500000000",
      "codex_network_proxy_ca_not_after_timestamp_seconds 2000000000",
      "codex_network_proxy_audit_dropped_total 9",
      "# TYPE codex_network_proxy_events_dropped_total counter",
      R"(codex_network_proxy_events_dropped_total{subscriber="audit"} 9)",
      R"(codex_network_proxy_events_dropped_total{subscriber="log"} 13)",
      R"(codex_network_proxy_events_dropped_total{subscriber="otlp"} 19)",
      R"(codex_network_proxy_events_waiting{subscriber="audit"} 17)",
      R"(codex_network_proxy_events_waiting{subscriber="otlp"} 18)",
      "codex_network_proxy_log_waiting_bytes 20",
      "codex_network_proxy_memory_held_bytes 5",
      "codex_network_proxy_memory_limit_bytes 6",
      "codex_network_proxy_requests_refused_total 8",
      "codex_network_proxy_workers 2",
      R"(codex_network_proxy_worker_queue_length{worker="0"} 22)",
      R"(codex_network_proxy_worker_answer_seconds{worker="0"} 0.25)",
      R"(codex_network_proxy_worker_queue_length{worker="1"} 0)",
      "process_open_fds 12",
    });
  CAF_CHECK_EQUAL(text.find(R"(decision="allow",reason="denied")"), std::string::npos);
  CAF_CHECK_EQUAL(text.find(R"(kind="closed")"), std::string::npos); // nobody is answered
}

CAF_TEST(times and sizes are told in seconds and bytes and each bucket holds those below) {
  metrics what;
  auto& n = what.counters;
  n.request_time[phase::first_byte].observe(3ms);
  n.request_time[phase::first_byte].observe(40ms);
  n.request_time[phase::first_byte].observe(2h);
  n.dns_time[look_up_result::timeout].observe(5s);
  n.connect_time[connect_result::refused].observe(1ms);
  n.handshake_time[tls_side::upstream][handshake_result::error].observe(30ms);
  n.tunnel_time.observe(90s);
  n.tunnel_size.observe(uint64_t{5'000});
  auto text = metrics_text(what);
  check_lines(
    text,
    {
      "# TYPE codex_network_proxy_request_duration_seconds histogram",
      R"(codex_network_proxy_request_duration_seconds_count{phase="upstream_first_byte"} 3)",
      R"(codex_network_proxy_request_duration_seconds_sum{phase="upstream_first_byte"} 7200.043)",
      R"(codex_network_proxy_request_duration_seconds_bucket{phase="upstream_first_byte",le="0.0025"} 0)",
      R"(codex_network_proxy_request_duration_seconds_bucket{phase="upstream_first_byte",le="0.005"} 1)",
      R"(codex_network_proxy_request_duration_seconds_bucket{phase="upstream_first_byte",le="0.05"} 2)",
      R"(codex_network_proxy_request_duration_seconds_bucket{phase="upstream_first_byte",le="0.1"} 2)",
      R"(codex_network_proxy_request_duration_seconds_bucket{phase="upstream_first_byte",le="60"} 2)",
      R"(codex_network_proxy_request_duration_seconds_bucket{phase="upstream_first_byte",le="+Inf"} 3)",
      R"(codex_network_proxy_request_duration_seconds_count{phase="total"} 0)",
      R"(codex_network_proxy_dns_duration_seconds_bucket{result="timeout",le="5"} 1)",
      R"(codex_network_proxy_connect_duration_seconds_bucket{result="refused",le="0.001"} 1)",
      R"(codex_network_proxy_tls_handshake_duration_seconds_count{side="upstream",result="error"} 1)",
      R"(codex_network_proxy_tls_handshake_duration_seconds_count{side="client",result="error"} 0)",
      R"(codex_network_proxy_tunnel_duration_seconds_bucket{le="300"} 1)",
      R"(codex_network_proxy_tunnel_duration_seconds_bucket{le="60"} 0)",
      R"(codex_network_proxy_tunnel_size_bytes_bucket{le="10000"} 1)",
      "codex_network_proxy_tunnel_size_bytes_sum 5000",
    });
}

CAF_TEST(without interception there is no expiry of a CA) {
  auto text = metrics_text({});
  CAF_CHECK_EQUAL(text.find("ca_not_after"), std::string::npos);
}

CAF_TEST(no name comes twice and every family has its help) {
  std::set<std::string> names;
  for (const auto& family : metric_families({})) {
    CAF_MESSAGE(family.name);
    CAF_CHECK(names.insert(family.name).second);
    CAF_CHECK(!family.help.empty());
    auto ours = family.name.starts_with("codex_network_proxy_");
    CAF_CHECK(ours || family.name.starts_with("process_"));
    CAF_CHECK_EQUAL(family.name.ends_with("_total"),
                    family.type == prometheus::MetricType::Counter);
  }
}

CAF_TEST(a million hosts that were refused and reached make no series and no memory) {
  metrics what;
  auto& n = what.counters;
  // From the start: all that can occur, but for what nothing of ours does today.
  auto before = samples_in(metrics_text(what));
  for (auto host = 0; host < 1'000'000; ++host) {
    auto by =
      enum_values<policy::protocol>()[static_cast<size_t>(host) % enum_size<policy::protocol>];
    ++n.decisions.at(by, policy::mode::full, decision::deny, reason::not_allowed);
    ++n.decisions.at(by, policy::mode::limited, decision::allow, reason::allow);
    n.dns_time[look_up_result::ok].observe(std::chrono::microseconds{host});
    n.request_time[phase::total].observe(std::chrono::microseconds{host});
    n.tunnel_size.observe(static_cast<uint64_t>(host));
  }
  auto after = samples_in(metrics_text(what));
  CAF_CHECK_EQUAL(after, before);
  auto denied = n.decisions.of(decision::deny, reason::not_allowed);
  CAF_CHECK_EQUAL(denied, 1'000'000u);
}

CAF_TEST(the number of series has a bound whatever is counted) {
  metrics what;
  auto& n = what.counters;
  for (auto p : enum_values<policy::protocol>())
    for (auto m : enum_values<policy::mode>())
      for (auto d : enum_values<decision>())
        for (auto r : enum_values<reason>())
          n.decisions.at(p, m, d, r) = 1;
  for (auto code : enum_values<errc>())
    n.faults[code] = 1;
  what.ca_not_after_seconds = 1;
  what.workers.resize(64);
  CAF_CHECK_LESS(samples_in(metrics_text(what)), 1'500u);
  CAF_CHECK_LESS(samples_in(metrics_text({})), 800u);
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
