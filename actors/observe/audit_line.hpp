#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/observe/decision_event.hpp"

namespace proxy {

/// Fields that every event has besides, as they stand in a line: `,"name":"value"` each.
/// @param fields  By name.
[[nodiscard]] std::string
audit_metadata(const std::vector<std::pair<std::string, std::string>>& fields);

/// Appends an event as lines of JSON with the fields of the audit trail, '\n' included: one line,
/// or two where the host passed before the mode refused the request.
/// @param metadata  Of `audit_metadata`.
void append_audit_lines(std::string& out, const decision_event& event,
                        std::string_view metadata = {});

} // namespace proxy
