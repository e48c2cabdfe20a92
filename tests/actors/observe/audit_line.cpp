#define CAF_SUITE actors.observe.audit_line
#include "actors/observe/audit_line.hpp" // unit under test

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

CAF_TEST(an event has every field in its order) {
  decision_event event;
  event.at = std::chrono::system_clock::time_point{std::chrono::milliseconds{1'700'000'000'007}};
  event.decision = policy::decision::deny;
  event.reason = policy::reason::denied;
  event.host = "blocked.example";
  event.port = 80;
  event.method = "GET";
  event.client = client_address{ip_address::v4(0x7f000001), 1234};
  event.request_id = event_id{"0123456789abcdef"};
  event.rule = "*.example";
  event.generation = 3;
  std::string line;
  append_audit_lines(line, event);
  CAF_CHECK_EQUAL(
    line,
    R"({"event.name":"codex.network_proxy.policy_decision","event.timestamp":"2023-11-14T22:13:20.007Z",)"
    R"("target":"codex_otel.network_proxy","network.policy.scope":"domain","network.policy.decision":"deny",)"
    R"("network.policy.source":"baseline_policy","network.policy.reason":"denied","network.transport.protocol":"http",)"
    R"("server.address":"blocked.example","server.port":80,"http.request.method":"GET",)"
    R"("client.address":"127.0.0.1:1234","network.policy.override":false,"request.id":"0123456789abcdef",)"
    R"("network.policy.rule":"*.example","network.policy.generation":3})"
    "\n");
}

CAF_TEST(a fault is an event of its own) {
  decision_event event;
  event.at = std::chrono::system_clock::time_point{std::chrono::milliseconds{1'700'000'000'007}};
  event.fault = fault_facts{errc::dns_error, "a.example: \"no\" such name"};
  event.host = "a.example";
  event.port = 80;
  event.method = "GET";
  event.client = client_address{ip_address::v4(0x7f000001), 1234};
  event.request_id = event_id{"0123456789abcdef"};
  event.generation = 3;
  std::string line;
  append_audit_lines(line, event);
  CAF_CHECK_EQUAL(
    line,
    R"({"event.name":"network.fault","event.timestamp":"2023-11-14T22:13:20.007Z","target":"codex_otel.network_proxy",)"
    R"("network.fault.kind":"dns_error","network.fault.cause":"a.example: \"no\" such name",)"
    R"("http.response.status_code":502,"network.transport.protocol":"http","server.address":"a.example",)"
    R"("server.port":80,"http.request.method":"GET","client.address":"127.0.0.1:1234",)"
    R"("request.id":"0123456789abcdef","network.policy.generation":3})"
    "\n");
}

CAF_TEST(what is not known has a word of its own) {
  decision_event event;
  event.domain_scope = false;
  event.source = policy::source::mode_guard;
  event.overruled = policy::reason::not_allowed;
  std::string line = "before\n";
  append_audit_lines(line, event);
  CAF_CHECK(line.starts_with("before\n{"));
  auto parsed = nlohmann::json::parse(line.substr(7));
  CAF_CHECK_EQUAL(parsed["http.request.method"], "none");
  CAF_CHECK_EQUAL(parsed["client.address"], "unknown");
  CAF_CHECK_EQUAL(parsed["network.policy.scope"], "non_domain");
  CAF_CHECK_EQUAL(parsed["network.policy.source"], "mode_guard");
  CAF_CHECK_EQUAL(parsed["network.policy.override"], true);
  CAF_CHECK_EQUAL(parsed["network.policy.reason"], "not_allowed"); // what was overruled
}

CAF_TEST(a request that is a part of a trace tells which and others do not ) {
  for (auto is_fault : {true, false}) {
    decision_event event;
    if (is_fault)
      event.fault = fault_facts{errc::dns_error, "no such name"};
    std::string without, with;
    append_audit_lines(without, event);
    event.trace = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    append_audit_lines(with, event);
    CAF_CHECK(!has(without, "trace_id"));
    CAF_CHECK(has(with, R"(,"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736",)"
                        R"("span_id":"00f067aa0ba902b7"})"));
  }
}

CAF_TEST(metadata ends each line) {
  auto metadata = metadata_members(
    {{"conversation.id", "c-1"}, {"app.version", ""}, {"user.account_id", "a \"b\""}});
  decision_event event;
  event.passed_rule = "*.example";
  auto fault = event;
  fault.fault = fault_facts{errc::dns_error, "no such name"};
  std::string lines;
  append_audit_lines(lines, event, metadata);
  append_audit_lines(lines, fault, metadata);
  std::istringstream in{lines};
  size_t count = 0;
  for (std::string line; std::getline(in, line); ++count) {
    CAF_CHECK(line.ends_with(R"(,"conversation.id":"c-1","user.account_id":"a \"b\""})"));
    auto parsed = nlohmann::json::parse(line);
    CAF_CHECK_EQUAL(parsed["user.account_id"], "a \"b\"");
    CAF_CHECK(!parsed.contains("app.version")); // not set
  }
  CAF_CHECK_EQUAL(count, 3u);
}

CAF_TEST(metadata has each name once and none of a field of ours) {
  CAF_CHECK_EQUAL(metadata_members({}), "");
  CAF_CHECK_EQUAL(
    metadata_members({{"", "nameless"}, {"b", ""}, {"a", "1"}, {"b", "2"}, {"a", "3"}}),
    R"(,"a":"1","b":"2")");
  CAF_CHECK_EQUAL(metadata_members({{"a\n\"", "\xff"}}), ",\"a\\u000a\\\"\":\"\xef\xbf\xbd\"");
  decision_event event;
  event.user = "alice";
  auto fault = event;
  fault.fault = fault_facts{errc::dns_error, "no such name"};
  for (const auto& each : {event, fault}) {
    std::string line;
    append_audit_lines(line, each);
    auto parsed = nlohmann::json::parse(line);
    for (const auto& field : parsed.items())
      CAF_CHECK_EQUAL(metadata_members({{field.key(), "forged"}}), "");
  }
}

CAF_TEST(a value cannot break out of its line) {
  decision_event event;
  event.words = "because\n\"of\\this\xff";
  std::string line;
  append_audit_lines(line, event);
  CAF_CHECK_EQUAL(line.find('\n'), line.size() - 1);
  auto parsed = nlohmann::json::parse(line);
  CAF_CHECK_EQUAL(parsed["network.policy.reason"], "because\n\"of\\this\xef\xbf\xbd");
}
