#pragma once

#include "actors/loop/task/task.hpp"
#include "actors/serve/decide/request.hpp"

namespace proxy {

/// Puts a question to whoever has a word in it, waits for that, and judges again by it and by the
/// policy of then. Ends when the client leaves, and after `process_state::decider_patience`.
/// @returns no question: where nobody answers it is the refusal that it comes to.
task<verdict> decide(client_session& c, exchange& ex, policy::question asked);

/// Nobody had a word in it in time.
void log_silence(const client_session& c, const policy::target& to, const caf::error& why);

} // namespace proxy
