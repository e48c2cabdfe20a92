#include "actors/audit_line.hpp"

#include "actors/answers.hpp"
#include "actors/timestamp.hpp"

namespace proxy {

namespace {

void append_text(std::string& out, std::string_view key, std::string_view value) {
  ((out += ",\"") += key) += "\":";
  append_json_string(out, value);
}

/// For values that are JSON already.
void append_raw(std::string& out, std::string_view key, std::string_view value) {
  (((out += ",\"") += key) += "\":") += value;
}

std::string_view or_else(std::string_view value, std::string_view otherwise) {
  return value.empty() ? otherwise : value;
}

/// A fault is no decision, so it has an event of its own and none of the fields of one.
void append_fault_line(std::string& out, const audit_event& event) {
  out += R"({"event.name":"network.fault","event.timestamp":")";
  append_timestamp(out, event.at);
  out += '"';
  append_text(out, "target", "codex_otel.network_proxy");
  append_text(out, "network.fault.kind", event.fault);
  append_text(out, "network.fault.cause", event.cause);
  append_raw(out, "http.response.status_code", std::to_string(event.status));
  append_text(out, "network.transport.protocol", policy::to_string(event.protocol));
  append_text(out, "server.address", or_else(event.host, "unknown"));
  append_raw(out, "server.port", std::to_string(event.port));
  append_text(out, "http.request.method", or_else(event.method, "none"));
  append_text(out, "client.address", or_else(event.client, "unknown"));
  if (!event.user.empty())
    append_text(out, "user.name", event.user);
  append_text(out, "request.id", event.request_id);
  append_raw(out, "network.policy.generation", std::to_string(event.generation));
  out += "}\n";
}

} // namespace

void append_audit_line(std::string& out, const audit_event& event) {
  if (!event.fault.empty())
    return append_fault_line(out, event);
  out += R"({"event.name":"codex.network_proxy.policy_decision","event.timestamp":")";
  append_timestamp(out, event.at);
  out += '"';
  append_text(out, "target", "codex_otel.network_proxy");
  append_text(out, "network.policy.scope", event.domain_scope ? "domain" : "non_domain");
  append_text(out, "network.policy.decision", policy::to_string(event.decision));
  append_text(out, "network.policy.source", policy::to_string(event.source));
  append_text(out, "network.policy.reason", event.reason);
  append_text(out, "network.transport.protocol", policy::to_string(event.protocol));
  append_text(out, "server.address", or_else(event.host, "unknown"));
  append_raw(out, "server.port", std::to_string(event.port));
  append_text(out, "http.request.method", or_else(event.method, "none"));
  append_text(out, "client.address", or_else(event.client, "unknown"));
  if (!event.user.empty())
    append_text(out, "user.name", event.user);
  append_raw(out, "network.policy.override", event.overridden ? "true" : "false");
  append_text(out, "request.id", event.request_id);
  append_text(out, "network.policy.rule", event.rule);
  append_raw(out, "network.policy.generation", std::to_string(event.generation));
  out += "}\n";
}

} // namespace proxy
