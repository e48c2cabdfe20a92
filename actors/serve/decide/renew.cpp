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
/// `x` has of it.
/// @param held  The pass in `x` that it was granted by.
template <class Grant>
std::variant<Grant, policy::denial>
judge_anew(client_session& c, exchange& x,
           std::optional<policy::pass<snapshot, Grant>> exchange::*held) {
  if (auto denial = judge_user(*c.shard.policy, c))
    return std::move(*denial);
  const auto* said = x.granted ? answer_of(x.granted->granted()) : nullptr;
  exchange now;
  now.target = x.target;
  auto judged =
    x.received().empty() ? judge_target(c, now, said) : judge_head(c, x.received(), now, said);
  if (auto* denial = std::get_if<policy::denial>(&judged))
    return std::move(*denial);
  if (auto* question = std::get_if<policy::question>(&judged))
    return question->unanswered(); // it was granted without anybody's word, and holds no longer
  auto* again = std::get_if<Grant>(&judged);
  if (!again)
    return not_judged();
  now.recorded = x.recorded;
  // There and back: the pass, which is being renewed, stays where it is.
  now.*held = std::move(x.*held);
  x = std::move(now);
  return std::move(*again);
}

} // namespace

pass::renewed renew(client_session& c, exchange& x) {
  return x.granted->renew_by(
    c.shard.policy, [&](const snapshot_ptr&) { return judge_anew(c, x, &exchange::granted); });
}

socket_pass::renewed renew_to_socket(client_session& c, exchange& x) {
  return x.to_socket->renew_by(
    c.shard.policy, [&](const snapshot_ptr&) { return judge_anew(c, x, &exchange::to_socket); });
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
  auto& tunnel = *of.by();
  return tunnel.renew_by(c.shard.policy, [&](const snapshot_ptr& now) {
    auto judged = policy::judge_again(*now->rules, tunnel.granted(), asker_of(c), of.where);
    // One that began as a request is judged as that, too.
    if (std::holds_alternative<policy::permit>(judged) && !tunnel.head().empty())
      if (auto why = judge_under_way(c, tunnel.head(), answer_of(tunnel.granted())))
        judged = std::move(*why);
    return judged;
  });
}

std::string_view admission::rule_text() const noexcept {
  if (!by())
    return {};
  if (by()->by_decider())
    return "decider";
  return by()->rule() ? std::string_view{by()->rule()->text} : std::string_view{};
}

pass::renewed client_session::renew_inside() {
  return inside()->tunnel.renew(shard.policy, asker_of(*this), {.reading = policy::reading::done});
}

} // namespace proxy
