#include "actors/observe/event_fields.hpp"

#include <algorithm>
#include <array>

namespace proxy {

namespace {

constexpr std::array<std::string_view, 20> fields{
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
constexpr std::string_view of_faults = "network.fault."; ///< Begins others of them.

} // namespace

bool is_event_field(std::string_view name) noexcept {
  return name.starts_with(of_faults) || std::ranges::find(fields, name) != fields.end();
}

} // namespace proxy
