#pragma once

#include <caf/error.hpp>

#include "actors/loop/task/task.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"

namespace proxy {

/// Whether the connection may go on once the request's body is dropped. Decided before an answer
/// that leaves the body unread, since the answer says so.
[[nodiscard]] bool may_keep(const client_end& c, const exchange& ex);

/// After such an answer: drops the body, or has the connection closed in steps.
task<after> go_on(client_session& c, exchange& ex, bool keep);

/// Answers with a refusal: counted, audited, recorded, sent. @returns what to do with the
/// connection.
task<after> refuse(client_session& c, exchange& ex, const policy::denial& why);

/// Answers with a fault of ours, of the client or of the upstream.
task<after> fault(client_session& c, exchange& ex, const caf::error& why);

/// Answers a request that names another host than its tunnel leads to with 421, and records it.
task<after> misdirected(client_session& c, exchange& ex, const caf::error& why);

} // namespace proxy
