#define CAF_SUITE actors.observe.decision_event
#include "actors/observe/decision_event.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "actors/admin/json.hpp"
#include "actors/observe/audit_line.hpp"
#include "actors/observe/log/log_line.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::literals;
using json = nlohmann::json;

namespace {

/// A refusal with everything that can be said of one.
decision_event refusal() {
  decision_event event;
  event.at = std::chrono::system_clock::time_point{1'700'000'000'007ms};
  event.request_id = event_id{"0123456789abcdef"};
  event.generation = 3;
  event.mode = policy::mode::limited;
  event.client = client_address{ip_address::v4(0x7f000001), 1234};
  event.protocol = policy::protocol::https_connect;
  event.host = "blocked.example";
  event.port = 443;
  event.method = "CONNECT";
  event.decision = policy::decision::deny;
  event.reason = policy::reason::denied;
  event.rule = "*.example";
  event.id = 7;
  return event;
}

std::string log_of(const decision_event& event, log_layout layout) {
  std::string out;
  append_log_line(out, layout, event);
  return out;
}

/// The lines of the audit trail.
std::vector<json> audit_of(const decision_event& event) {
  std::string lines;
  append_audit_lines(lines, event);
  std::vector<json> out;
  std::istringstream in{lines};
  for (std::string line; std::getline(in, line);)
    out.push_back(json::parse(line));
  return out;
}

json blocked_of(const decision_event& event) {
  blocked_page page;
  page.total = 1;
  page.entries.push_back(std::make_shared<const decision_event>(event));
  auto list = json::parse(admin::blocked_json(std::move(page), {0, 200, 1000}))["blocked"];
  return list.at(0);
}

} // namespace

CAF_TEST(one event gives the log in both layouts) {
  CAF_CHECK_EQUAL(log_of(refusal(), log_layout::text),
                  "time=2023-11-14T22:13:20.007Z level=info msg=blocked host=blocked.example "
                  "port=443 reason=denied decision=deny source=baseline_policy "
                  "protocol=https_connect method=CONNECT rule=\"*.example\" "
                  "client=127.0.0.1:1234 request_id=0123456789abcdef\n");
  CAF_CHECK_EQUAL(
    log_of(refusal(), log_layout::json),
    R"({"time":"2023-11-14T22:13:20.007Z","level":"info","msg":"blocked","host":"blocked.example",)"
    R"("port":443,"reason":"denied","decision":"deny","source":"baseline_policy",)"
    R"("protocol":"https_connect","method":"CONNECT","rule":"*.example",)"
    R"("client":"127.0.0.1:1234","request_id":"0123456789abcdef"})"
    "\n");
}

CAF_TEST(a fault has a line of its own in both layouts) {
  auto event = refusal();
  event.decision = policy::decision::allow;
  event.reason = policy::reason::allow;
  event.fault = fault_facts{errc::dns_error, "a.example: \"no\" such name"};
  event.user = "alice";
  CAF_CHECK_EQUAL(log_of(event, log_layout::text),
                  "time=2023-11-14T22:13:20.007Z level=info msg=fault host=blocked.example "
                  "port=443 error=dns_error status=502 cause=\"a.example: \\\"no\\\" such name\" "
                  "protocol=https_connect method=CONNECT client=127.0.0.1:1234 user=\"alice\" "
                  "request_id=0123456789abcdef\n");
  CAF_CHECK_EQUAL(
    log_of(event, log_layout::json),
    R"({"time":"2023-11-14T22:13:20.007Z","level":"info","msg":"fault","host":"blocked.example",)"
    R"("port":443,"error":"dns_error","status":502,"cause":"a.example: \"no\" such name",)"
    R"("protocol":"https_connect","method":"CONNECT","client":"127.0.0.1:1234","user":"alice",)"
    R"("request_id":"0123456789abcdef"})"
    "\n");
  event.host.clear();
  event.method.clear();
  auto line = json::parse(log_of(event, log_layout::json));
  CAF_CHECK_EQUAL(line["host"], "-");
  CAF_CHECK_EQUAL(line["method"], "-");
}

CAF_TEST(log and audit and blocked list tell the same of one event) {
  auto by_user = refusal();
  by_user.user = "alice";
  auto by_mode = refusal();
  by_mode.reason = policy::reason::method_not_allowed;
  by_mode.source = policy::source::mode_guard;
  by_mode.domain_scope = false;
  by_mode.rule.clear();
  by_mode.passed_rule = "blocked.example";
  auto by_decider = refusal();
  by_decider.reason = policy::reason::policy_denied;
  by_decider.source = policy::source::decider;
  by_decider.words = "not on a \"Sunday\"\n";
  auto to_ask = refusal();
  to_ask.decision = policy::decision::ask;
  auto odd = refusal();
  odd.host = "true";
  odd.method = "x\" level=error";
  auto without = refusal();
  without.method.clear();
  without.protocol = policy::protocol::socks5_tcp;
  without.client = client_address{{}, 0, true};

  for (const auto& event : {refusal(), by_user, by_mode, by_decider, to_ask, odd, without}) {
    auto said = json::parse(log_of(event, log_layout::json));
    auto audited = audit_of(event).back();
    auto listed = blocked_of(event);
    auto reason = std::string{event.reason_text()};
    CAF_MESSAGE(said);
    for (auto& [what, in_log, in_audit, in_list] :
         std::initializer_list<std::tuple<json, const char*, const char*, const char*>>{
           {event.host, "host", "server.address", "host"},
           {event.port, "port", "server.port", "port"},
           {reason, "reason", "network.policy.reason", "reason"},
           {policy::to_string(event.decision), "decision", "network.policy.decision", "decision"},
           {policy::to_string(event.source), "source", "network.policy.source", "source"},
           {policy::to_string(event.protocol), "protocol", "network.transport.protocol",
            "protocol"},
           {event.client_text(), "client", "client.address", "client"},
           {event.request_id.text(), "request_id", "request.id", "request_id"},
         }) {
      CAF_CHECK_EQUAL(said[in_log], what);
      CAF_CHECK_EQUAL(audited[in_audit], what);
      CAF_CHECK_EQUAL(listed[in_list], what);
    }
    // Each has its own word for what is not there.
    CAF_CHECK_EQUAL(said["method"], event.method);
    CAF_CHECK_EQUAL(audited["http.request.method"], event.method.empty() ? "none" : event.method);
    CAF_CHECK_EQUAL(listed["method"], event.method.empty() ? json{} : json(event.method));
    CAF_CHECK_EQUAL(said["rule"], event.rule);
    CAF_CHECK_EQUAL(audited["network.policy.rule"], event.rule);
    CAF_CHECK_EQUAL(listed["rule"], event.rule.empty() ? json{} : json(event.rule));
    for (auto* entry : {&said, &listed})
      CAF_CHECK_EQUAL(entry->value("user", ""), event.user);
    CAF_CHECK_EQUAL(audited.value("user.name", ""), event.user);
    CAF_CHECK_EQUAL(said["time"], audited["event.timestamp"]);
    CAF_CHECK_EQUAL(said["time"], listed["timestamp"]);
    CAF_CHECK_EQUAL(listed["mode"], "limited");
    CAF_CHECK_EQUAL(listed["id"], 7);
    CAF_CHECK_EQUAL(audited["network.policy.generation"], 3);
  }
}

CAF_TEST(a host that passed before the mode refused is a line of its own in the audit trail) {
  auto event = refusal();
  event.domain_scope = false;
  event.source = policy::source::mode_guard;
  event.reason = policy::reason::method_not_allowed;
  event.passed_rule = "*.example";
  event.rule.clear();
  auto lines = audit_of(event);
  CAF_REQUIRE_EQUAL(lines.size(), 2u);
  auto told = [](const json& line) {
    std::string out;
    for (auto key : {"scope", "decision", "source", "reason", "rule"})
      out += line["network.policy."s + key].get<std::string>() + ' ';
    return out;
  };
  CAF_CHECK_EQUAL(told(lines[0]), "domain allow baseline_policy allow *.example ");
  CAF_CHECK_EQUAL(told(lines[1]), "non_domain deny mode_guard method_not_allowed  ");
  CAF_CHECK_EQUAL(lines[0]["request.id"], lines[1]["request.id"]);
}

CAF_TEST(the path of a socket stands for the host in the blocked list alone) {
  auto event = refusal();
  event.host = "unix";
  event.socket_path = "/run/a.sock";
  auto listed = blocked_of(event);
  CAF_CHECK_EQUAL(listed["host"], "/run/a.sock");
  auto audited = audit_of(event);
  CAF_CHECK_EQUAL(audited[0]["server.address"], "unix");
  auto said = json::parse(log_of(event, log_layout::json));
  CAF_CHECK_EQUAL(said["host"], "unix");
}

CAF_TEST(an id keeps sixteen digits and a method as much as is recorded) {
  event_id none, cut{"0123456789abcdef0"};
  CAF_CHECK_EQUAL(none.text(), "");
  CAF_CHECK_EQUAL(cut.text(), "0123456789abcdef");
  CAF_CHECK_EQUAL(recorded_method(std::string(1000, 'x')).size(), decision_event::longest_method);
}
