#pragma once

#include <string>

#include "actors/observe/decision_event.hpp"

namespace proxy {

/// Appends an event as lines of JSON with the fields of the audit trail, '\n' included: one line,
/// or two where the host passed before the mode refused the request.
void append_audit_lines(std::string& out, const decision_event& event);

} // namespace proxy
