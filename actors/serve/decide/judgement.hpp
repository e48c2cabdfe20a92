#pragma once

#include "actors/serve/client/client_session.hpp"
#include "actors/serve/decide/request.hpp"
#include "actors/serve/exchange/exchange.hpp"

/// How requests are judged, for `judge_request` and `renew`, which make of it what flows work with.

namespace proxy {

/// What judging a request came to: a grant without its pass, a refusal, a question, an answer of
/// our own, or what is wrong with it.
using judgement = std::variant<policy::permit, policy::socket_permit, policy::denial,
                               policy::question, std::pair<policy::permit, own_answer>, caf::error>;

/// Decodes a head and judges what it asks for, by the policy of this moment. Fills `ex`, but for
/// the passes.
/// @param said  By whoever was asked about it, now or under an older policy; nullptr for nobody.
[[nodiscard]] judgement judge_head(client_session& c, std::string_view head, exchange& ex,
                                   const policy::answer* said);

/// The part of it for requests that name a unix socket.
[[nodiscard]] judgement judge_socket_request(client_session& c, http1::request& req, exchange& ex);

/// Judges a tunnel to `ex.target` that no head asks for, in the same way.
[[nodiscard]] judgement judge_target(client_session& c, exchange& ex, const policy::answer* said);

/// Makes of a judgement what a flow goes on with.
/// @param head  Of the request, which `ex` keeps of what passes or is asked about; "" for none.
[[nodiscard]] verdict settle(client_session& c, judgement judged, std::string_view head,
                             exchange& ex);

} // namespace proxy
