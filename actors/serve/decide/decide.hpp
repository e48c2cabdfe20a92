#pragma once

#include "actors/loop/task/task.hpp"
#include "actors/serve/decide/request.hpp"

namespace proxy {

/// Puts a question to whoever has a word in it, waits for that, and judges again by it and by the
/// policy of then. Ends when the client leaves, and after `decider.timeout` of the policy of now.
/// @returns no question: where nobody answers it is the refusal that it comes to.
task<verdict> decide(client_session& c, exchange& ex, policy::question asked);

/// What a question comes to that somebody was asked and gave no word on: `decider_timeout` when the
/// time was over, else `decider_failed`.
/// @param unanswered  What it would have come to with nobody to ask.
/// @param why         As `pending_question` tells it.
[[nodiscard]] policy::denial refusal_by_silence(policy::denial unanswered, const caf::error& why);

/// Nobody had a word in it in time.
void log_silence(const client_session& c, const policy::target& to, const caf::error& why);

} // namespace proxy
