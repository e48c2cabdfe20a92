#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/observe/decision_event.hpp"

namespace proxy {

/// What the program that embeds the proxy says in each line: names with their values, such as
/// "conversation.id", "app.version" and "user.account_id". A value that is empty is not set.
using audit_metadata = std::vector<std::pair<std::string, std::string>>;

/// What of it is told: left out is what is not set, what has no name, a name that comes a second
/// time, and those of fields of ours.
[[nodiscard]] audit_metadata usable_metadata(const audit_metadata& all);

/// Metadata as members of a JSON object, a comma before each; "" for none.
[[nodiscard]] std::string metadata_members(const audit_metadata& all);

/// Appends an event as lines of JSON with the fields of the audit trail, '\n' included: one line,
/// or two where the host passed before the mode refused the request.
/// @param metadata  As `metadata_members` makes it: made once, not with each line.
void append_audit_lines(std::string& out, const decision_event& event,
                        std::string_view metadata = {});

} // namespace proxy
