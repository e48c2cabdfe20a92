#pragma once

#include "actors/flows.hpp"

/// How requests are judged, for `judge_request` and `renew`, which make of it what flows work with.

namespace proxy {

/// What judging a request came to: a grant without its pass, a refusal, an answer of our own, or
/// what is wrong with it.
using judgement = std::variant<policy::permit, policy::socket_permit, policy::denial,
                               std::pair<policy::permit, own_answer>, caf::error>;

/// Decodes a head and judges what it asks for, by the policy of this moment. Fills `x`, but for the
/// passes.
/// @param by_decider  A decider has admitted it under an older policy, and that stays.
[[nodiscard]] judgement judge_head(client_session& c, std::string_view head, exchange& x,
                                   bool by_decider);

/// The part of it for requests that name a unix socket.
[[nodiscard]] judgement judge_socket_request(client_session& c, http1::request& req, exchange& x);

/// Judges a tunnel to `x.target` that no head asks for, in the same way.
[[nodiscard]] judgement judge_target(client_session& c, exchange& x, bool by_decider);

} // namespace proxy
