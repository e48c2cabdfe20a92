#pragma once

#include <memory>

#include "actors/loop/task/task.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"

namespace proxy {

/// Resolves, vets and dials, and begins anew when the policy changes meanwhile: nothing begins
/// under a policy that is no longer in force. The refusal or fault, if any, is already answered.
/// @returns a connection that was made under the policy of this moment; nullptr when there is none:
///          `next` then says what to do with the connection to the client.
task<std::unique_ptr<upstream>> connect_upstream(client_session& c, exchange& ex, after& next);

/// Counts and audits, once, that a request is admitted. @pre `ex.granted`
void record_admission(client_session& c, exchange& ex);

} // namespace proxy
