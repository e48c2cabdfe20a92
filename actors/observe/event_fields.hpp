#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "actors/observe/decision_event.hpp"
#include "actors/observe/log/timestamp.hpp"

namespace proxy {

/// What the audit trail calls its origin: the target of each event, and the scope of what goes to a
/// collector.
inline constexpr std::string_view event_target = "codex_otel.network_proxy";

/// One line of the audit trail, or one log record of OTLP. An event makes one of them, or two: the
/// host passed, and then the mode refused the request.
struct event_record {
  std::string_view name;
  const decision_event& event;
  // Of a decision:
  bool domain_scope = true;
  policy::decision decision = policy::decision::allow;
  policy::source source = policy::source::baseline_policy;
  std::string_view reason = policy::to_string(policy::reason::allow);
  std::string_view rule;
};

inline constexpr std::string_view decision_record = "codex.network_proxy.policy_decision";
inline constexpr std::string_view fault_record = "network.fault";

/// Calls `tell(const event_record&)` for each of an event.
template <class Teller>
void for_each_record(const decision_event& event, Teller&& tell) {
  if (event.fault)
    return tell(event_record{.name = fault_record, .event = event, .rule = {}});
  if (event.passed_rule)
    tell(event_record{.name = decision_record, .event = event, .rule = *event.passed_rule});
  // What a decider overruled is the reason.
  auto reason = event.overruled ? policy::to_string(*event.overruled) : event.reason_text();
  tell(event_record{decision_record, event, event.domain_scope, event.decision, event.source,
                    reason, event.rule});
}

/// Whether a field of a record, of whatever kind, has this name: nobody else may take it.
[[nodiscard]] bool is_event_field(std::string_view name) noexcept;

namespace detail {

/// Who asked for what, and how.
template <class Visitor>
void visit_request(const decision_event& event, Visitor&& visit) {
  auto or_else = [](std::string_view value, std::string_view otherwise) {
    return value.empty() ? otherwise : value;
  };
  visit("network.transport.protocol", policy::to_string(event.protocol));
  visit("server.address", or_else(event.host, "unknown"));
  visit("server.port", uint64_t{event.port});
  visit("http.request.method", or_else(event.method, "none"));
  auto client = event.client_text();
  visit("client.address", or_else(client, "unknown"));
  if (!event.user.empty())
    visit("user.name", std::string_view{event.user});
}

/// A fault is no decision, so it has none of the fields of one.
template <class Visitor>
void visit_fault(const decision_event& event, Visitor&& visit) {
  const auto& how = outcome_of(event.fault->code);
  visit("network.fault.kind", std::string_view{how.name});
  visit("network.fault.cause", std::string_view{event.fault->cause});
  visit("http.response.status_code", static_cast<uint64_t>(how.http_status));
  visit_request(event, visit);
  visit("request.id", event.request_id.text());
}

template <class Visitor>
void visit_decision(const event_record& what, Visitor&& visit) {
  visit("network.policy.scope", std::string_view{what.domain_scope ? "domain" : "non_domain"});
  visit("network.policy.decision", policy::to_string(what.decision));
  visit("network.policy.source", policy::to_string(what.source));
  visit("network.policy.reason", what.reason);
  visit_request(what.event, visit);
  visit("network.policy.override", what.event.overruled.has_value());
  visit("request.id", what.event.request_id.text());
  visit("network.policy.rule", what.rule);
}

} // namespace detail

/// Calls `visit(name, value)` for each field of a record, always in the same order. A value is a
/// `std::string_view` that lives as long as the call, a `uint64_t` or a `bool`.
template <class Visitor>
void for_each_field(const event_record& what, Visitor&& visit) {
  visit("event.name", what.name);
  auto at = timestamp(what.event.at);
  visit("event.timestamp", std::string_view{at});
  visit("target", event_target);
  if (what.event.fault)
    detail::visit_fault(what.event, visit);
  else
    detail::visit_decision(what, visit);
  visit("network.policy.generation", what.event.generation);
}

} // namespace proxy
