#define CAF_SUITE actors.observe.otlp.encoding.encode_logs
#include "actors/observe/otlp/encoding/encode.hpp" // unit under test

#include "tests/actors/observe/otlp/encoding/encoded.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

constexpr otlp::moment at{std::chrono::milliseconds{1'700'000'000'007}};
constexpr otlp::moment seen{std::chrono::milliseconds{1'700'000'001'000}};

std::vector<decision_event_ptr> some_events() {
  auto refused = std::make_shared<decision_event>();
  refused->at = at;
  refused->host = "blocked.example";
  refused->port = 443;
  refused->method = "CONNECT";
  refused->decision = policy::decision::deny;
  refused->reason = policy::reason::denied;
  refused->rule = "*.example";
  refused->generation = 7;
  refused->trace = parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  auto twice = std::make_shared<decision_event>();
  twice->at = at;
  twice->decision = policy::decision::deny;
  twice->reason = policy::reason::method_not_allowed;
  twice->passed_rule = "a.example";
  auto failed = std::make_shared<decision_event>();
  failed->at = at;
  failed->fault = fault_facts{errc::dns_error, "no such name"};
  return {refused, twice, failed};
}

} // namespace

CAF_TEST(each record has the fields of the trail with their types) {
  auto events = some_events();
  auto body = otlp::encode_logs(events, sender(config::otlp_encoding::json), seen);
  auto records = items_of(body, "resourceLogs", "scopeLogs", "logRecords");
  CAF_REQUIRE_EQUAL(records.size(), 4u);
  const auto& first = records[0];
  CAF_CHECK_EQUAL(first["timeUnixNano"], "1700000000007000000");
  CAF_CHECK_EQUAL(first["observedTimeUnixNano"], "1700000001000000000");
  CAF_CHECK_EQUAL(first["severityNumber"], 9);
  CAF_CHECK_EQUAL(first["severityText"], "INFO");
  CAF_CHECK_EQUAL(first["eventName"], "codex.network_proxy.policy_decision");
  CAF_CHECK_EQUAL(first["traceId"], "0af7651916cd43dd8448eb211c80319c");
  CAF_CHECK_EQUAL(first["spanId"], "b7ad6b7169203331");
  CAF_CHECK_EQUAL(first["flags"], 1);
  auto fields = by_name(first["attributes"]);
  auto wanted = nlohmann::json::parse(R"({
    "event.name": {"stringValue": "codex.network_proxy.policy_decision"},
    "event.timestamp": {"stringValue": "2023-11-14T22:13:20.007Z"},
    "network.policy.scope": {"stringValue": "domain"},
    "network.policy.decision": {"stringValue": "deny"},
    "network.policy.source": {"stringValue": "baseline_policy"},
    "network.policy.reason": {"stringValue": "denied"},
    "network.transport.protocol": {"stringValue": "http"},
    "server.address": {"stringValue": "blocked.example"},
    "server.port": {"intValue": "443"},
    "http.request.method": {"stringValue": "CONNECT"},
    "client.address": {"stringValue": "unknown"},
    "network.policy.override": {"boolValue": false},
    "request.id": {"stringValue": ""},
    "network.policy.rule": {"stringValue": "*.example"},
    "network.policy.generation": {"intValue": "7"},
    "conversation.id": {"stringValue": "c-1"}})");
  CAF_CHECK_EQUAL(fields, wanted);
  CAF_CHECK(!records[1].contains("traceId"));
  auto passed = by_name(records[1]["attributes"]);
  CAF_CHECK_EQUAL(passed["network.policy.decision"]["stringValue"], "allow");
  auto refused = by_name(records[2]["attributes"]);
  CAF_CHECK_EQUAL(refused["network.policy.reason"]["stringValue"], "method_not_allowed");
  CAF_CHECK_EQUAL(records[3]["severityText"], "WARN");
  CAF_CHECK_EQUAL(records[3]["eventName"], "network.fault");
}

CAF_TEST(protobuf has as many records and the same ids) {
  auto events = some_events();
  auto all = messages_of(otlp::encode_logs(events, sender(config::otlp_encoding::protobuf), seen));
  CAF_REQUIRE_EQUAL(all.size(), 4u);
  protozero::pbf_reader record{all[0]};
  size_t attributes = 0;
  while (record.next()) {
    switch (record.tag()) {
      case 1: CAF_CHECK_EQUAL(record.get_fixed64(), 1'700'000'000'007'000'000u); break;
      case 2: CAF_CHECK_EQUAL(record.get_enum(), 9); break;
      case 6:
        ++attributes;
        record.skip();
        break;
      case 9: CAF_CHECK_EQUAL(record.get_bytes().size(), 16u); break;
      case 10: CAF_CHECK_EQUAL(record.get_bytes(), "\xb7\xad\x6b\x71\x69\x20\x33\x31"); break;
      case 12: CAF_CHECK_EQUAL(record.get_string(), "codex.network_proxy.policy_decision"); break;
      default: record.skip();
    }
  }
  CAF_CHECK_EQUAL(attributes, 16u);
}

CAF_TEST(no events make a request without records) {
  for (auto in : {config::otlp_encoding::json, config::otlp_encoding::protobuf}) {
    auto body = otlp::encode_logs({}, sender(in), seen);
    auto records = in == config::otlp_encoding::json
                     ? items_of(body, "resourceLogs", "scopeLogs", "logRecords").size()
                     : messages_of(body).size();
    CAF_CHECK_EQUAL(records, 0u);
  }
}
