#pragma once

#include <string>

#include "actors/messages.hpp"

namespace proxy {

/// Appends a policy decision as one line of JSON with the fields of the audit trail, '\n' included.
void append_audit_line(std::string& out, const audit_event& event);

} // namespace proxy
