#include "actors/serve/decide/renew.hpp"

#include "actors/serve/client/asker.hpp"
#include "actors/serve/client/users.hpp"
#include "actors/serve/decide/judgement.hpp"
#include "actors/serve/exchange/exchange.hpp"

/// What was granted meets a new policy: flows that have waited renew their pass, and so do tunnels
/// that stand when it is installed.

namespace proxy {

namespace {

/// What a decider admitted once and is, under a new policy, no request that could be judged: too
/// long for its limits, say.
policy::denial not_judged() {
  policy::denial why;
  why.reason = policy::reason::policy_denied;
  return why;
}

/// Judges a request anew. What else is made of it (the head to send, the way it goes) replaces what
/// `ex` has of it.
/// @param held  The pass in `ex` that it was granted by.
template <class Grant>
std::variant<Grant, policy::denial>
judge_anew(client_session& c, exchange& ex,
           std::optional<policy::pass<snapshot, Grant>> exchange::*held) {
  if (auto denial = judge_user(*c.shard.policy, c))
    return std::move(*denial);
  const auto* said = ex.granted ? answer_of(ex.granted->grant()) : nullptr;
  exchange now;
  now.target = ex.target;
  auto judged =
    ex.received().empty() ? judge_target(c, now, said) : judge_head(c, ex.received(), now, said);
  if (auto* denial = std::get_if<policy::denial>(&judged))
    return std::move(*denial);
  if (auto* question = std::get_if<policy::question>(&judged))
    return question->unanswered(); // it was granted without anybody's word, and holds no longer
  auto* again = std::get_if<Grant>(&judged);
  if (!again)
    return not_judged();
  now.recorded = ex.recorded;
  // There and back: the pass, which is being renewed, stays where it is.
  now.*held = std::move(ex.*held);
  ex = std::move(now);
  return std::move(*again);
}

} // namespace

pass::renewed renew(client_session& c, exchange& ex) {
  return ex.granted->renew_by(
    c.shard.policy, [&](const snapshot_ptr&) { return judge_anew(c, ex, &exchange::granted); });
}

socket_pass::renewed renew_to_socket(client_session& c, exchange& ex) {
  return ex.to_socket->renew_by(
    c.shard.policy, [&](const snapshot_ptr&) { return judge_anew(c, ex, &exchange::to_socket); });
}

std::optional<policy::denial> judge_under_way(client_session& c, std::string_view head,
                                              const policy::answer* said) {
  exchange now;
  auto judged = judge_head(c, head, now, said);
  if (std::holds_alternative<policy::permit>(judged) ||
      std::holds_alternative<policy::socket_permit>(judged))
    return std::nullopt;
  auto* error = std::get_if<caf::error>(&judged);
  if (error && code_of(*error) == errc::head_too_large)
    return std::nullopt; // it came while the limit was another
  auto* denial = std::get_if<policy::denial>(&judged);
  auto* question = std::get_if<policy::question>(&judged);
  auto why = denial ? std::move(*denial) : question ? question->unanswered() : not_judged();
  why.passed = nullptr; // its host passed when it came
  return why;
}

pass::renewed renew(client_session& c, admission& of) {
  auto& tunnel = *of.granted_by();
  return tunnel.renew_by(c.shard.policy, [&](const snapshot_ptr& now) {
    auto judged = policy::judge_again(*now->rules, tunnel.grant(), asker_of(c), of.where);
    // One that began as a request is judged as that, too.
    if (std::holds_alternative<policy::permit>(judged) && !tunnel.head().empty())
      if (auto why = judge_under_way(c, tunnel.head(), answer_of(tunnel.grant())))
        judged = std::move(*why);
    return judged;
  });
}

std::string_view admission::rule_text() const noexcept {
  if (!granted_by())
    return {};
  if (granted_by()->by_decider())
    return "decider";
  return granted_by()->rule() ? std::string_view{granted_by()->rule()->text} : std::string_view{};
}

pass::renewed client_session::renew_enclosing() {
  return enclosing_tunnel()->tunnel.renew(shard.policy, asker_of(*this),
                                          {.reading = policy::reading::done});
}

} // namespace proxy
