#include "actors/observe/audit_line.hpp"

#include <algorithm>
#include <array>

#include "actors/observe/json_string.hpp"
#include "actors/observe/log/timestamp.hpp"

namespace proxy {

namespace {

/// Names that no metadata may take.
constexpr std::array<std::string_view, 20> our_fields{
  "event.name",
  "event.timestamp",
  "target",
  "network.transport.protocol",
  "server.address",
  "server.port",
  "http.request.method",
  "client.address",
  "user.name",
  "network.policy.scope",
  "network.policy.decision",
  "network.policy.source",
  "network.policy.reason",
  "network.policy.override",
  "network.policy.rule",
  "network.policy.generation",
  "request.id",
  "http.response.status_code",
  "trace_id",
  "span_id",
};
constexpr std::string_view our_faults = "network.fault."; ///< Begins others of them.

bool is_ours(std::string_view name) {
  return name.starts_with(our_faults) || std::ranges::find(our_fields, name) != our_fields.end();
}

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

void append_beginning(std::string& out, std::string_view name, const decision_event& event) {
  ((out += R"({"event.name":")") += name) += R"(","event.timestamp":")";
  append_timestamp(out, event.at);
  out += '"';
  append_text(out, "target", "codex_otel.network_proxy");
}

/// Who asked for what, and how.
void append_request(std::string& out, const decision_event& event) {
  append_text(out, "network.transport.protocol", policy::to_string(event.protocol));
  append_text(out, "server.address", or_else(event.host, "unknown"));
  append_raw(out, "server.port", std::to_string(event.port));
  append_text(out, "http.request.method", or_else(event.method, "none"));
  append_text(out, "client.address", or_else(event.client_text(), "unknown"));
  if (!event.user.empty())
    append_text(out, "user.name", event.user);
}

void append_end(std::string& out, const decision_event& event, std::string_view metadata) {
  if (event.trace) {
    append_text(out, "trace_id", to_hex(event.trace->trace));
    append_text(out, "span_id", to_hex(event.trace->span));
  }
  append_raw(out, "network.policy.generation", std::to_string(event.generation));
  (out += metadata) += "}\n";
}

/// A fault is no decision, so it has none of the fields of one.
void append_fault(std::string& out, const decision_event& event, std::string_view metadata) {
  const auto& how = outcome_of(event.fault->code);
  append_beginning(out, "network.fault", event);
  append_text(out, "network.fault.kind", how.name);
  append_text(out, "network.fault.cause", event.fault->cause);
  append_raw(out, "http.response.status_code", std::to_string(how.http_status));
  append_request(out, event);
  append_text(out, "request.id", event.request_id.text());
  append_end(out, event, metadata);
}

/// What the fields of a decision say.
struct decided {
  bool domain_scope = true;
  policy::decision decision = policy::decision::allow;
  policy::source source = policy::source::baseline_policy;
  std::string_view reason = policy::to_string(policy::reason::allow);
  std::string_view rule;
};

void append_decision(std::string& out, const decision_event& event, const decided& what,
                     std::string_view metadata) {
  append_beginning(out, "codex.network_proxy.policy_decision", event);
  append_text(out, "network.policy.scope", what.domain_scope ? "domain" : "non_domain");
  append_text(out, "network.policy.decision", policy::to_string(what.decision));
  append_text(out, "network.policy.source", policy::to_string(what.source));
  append_text(out, "network.policy.reason", what.reason);
  append_request(out, event);
  append_raw(out, "network.policy.override", event.overruled ? "true" : "false");
  append_text(out, "request.id", event.request_id.text());
  append_text(out, "network.policy.rule", what.rule);
  append_end(out, event, metadata);
}

} // namespace

std::string metadata_members(const audit_metadata& all) {
  std::string out;
  for (auto each = all.begin(); each != all.end(); ++each) {
    const auto& [name, value] = *each;
    auto same = [&](const auto& before) {
      return before.first == each->first && !before.second.empty();
    };
    if (name.empty() || value.empty() || is_ours(name) || std::any_of(all.begin(), each, same))
      continue;
    out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
  }
  return out;
}

void append_audit_lines(std::string& out, const decision_event& event, std::string_view metadata) {
  if (event.fault)
    return append_fault(out, event, metadata);
  if (event.passed_rule) {
    decided before;
    before.rule = *event.passed_rule;
    append_decision(out, event, before, metadata);
  }
  // What a decider overruled is the reason.
  auto reason = event.overruled ? policy::to_string(*event.overruled) : event.reason_text();
  append_decision(out, event,
                  {event.domain_scope, event.decision, event.source, reason, event.rule}, metadata);
}

} // namespace proxy
