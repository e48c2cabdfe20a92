#include "actors/serve/decide/decide.hpp"

#include "actors/observe/log/log.hpp"
#include "actors/serve/client/users.hpp"
#include "actors/serve/core/measure.hpp"
#include "actors/serve/decide/judgement.hpp"
#include "actors/serve/decide/pending_question.hpp"
#include "actors/serve/decide/request.hpp"
#include "actors/serve/exchange/exchange.hpp"

namespace proxy {

namespace {

/// Whether nobody is there who could be told anything. A client may send its end and still read,
/// but none that asks for a tunnel does: it would have nothing to say there.
bool is_gone(const client_session& c, const policy::target& about) {
  auto is_tunnel = about.protocol == policy::protocol::https_connect ||
                   about.protocol == policy::protocol::socks5_tcp;
  return c.client.dead() || (is_tunnel && !about.in_tunnel && c.client.peer_done());
}

/// Whether nobody is likely to wait for a word any more: a program that is stopped sends its end,
/// and nothing else tells it from one that only has nothing more to say. The second is rare, and
/// the first must not leave somebody with a question that concerns nobody.
bool has_left(const client_session& c) { return c.client.dead() || c.client.peer_done(); }

/// Asks, and waits for the word as long as that may take and the client is there.
/// @returns nothing when the client has left: the question is withdrawn, or was not put.
task<std::optional<caf::expected<decider_word>>> ask_decider(client_session& c,
                                                             const policy::target& about) {
  std::optional<caf::expected<decider_word>> said;
  if (has_left(c))
    co_return said;
  measured_phase waits{c.shard, phase::decide};
  // The question has a deadline; this one comes after it.
  auto deadline = c.in(c.shard.config().decider.timeout + std::chrono::seconds{1});
  pending_question asked{c, about, [&](caf::expected<decider_word> word) {
                           said.emplace(std::move(word));
                           c.wakes.fire();
                         }};
  while (!said && !has_left(c))
    (void)co_await c.wakes.until(deadline);
  co_return std::move(said);
}

/// By the policy of now, and who the client showed to be by the users of now.
judgement judge_answered(client_session& c, exchange& ex, std::string_view head,
                         const policy::answer* said) {
  if (auto denial = judge_user(*c.shard.policy, c))
    return std::move(*denial);
  return head.empty() ? judge_target(c, ex, said) : judge_head(c, head, ex, said);
}

} // namespace

policy::denial refusal_by_silence(policy::denial unanswered, const caf::error& why) {
  unanswered.reason = code_of(why) == errc::cancelled ? policy::reason::decider_timeout
                                                      : policy::reason::decider_failed;
  unanswered.source = policy::source::decider;
  unanswered.decision = policy::decision::deny;
  return unanswered;
}

void log_silence(const client_session& c, const policy::target& to, const caf::error& why) {
  c.shard.log().warn("msg=decider_silent host={} port={} client={} cause={}",
                     log_text{to.host.text()}, to.port, c.from.str(), quoted_text(context_of(why)));
}

task<verdict> decide(client_session& c, exchange& ex, policy::question asked) {
  const auto& to = asked.to();
  std::optional<policy::answer> said;
  std::optional<decider_word> word;
  caf::error silence; // none where a word has come, and where nobody was asked or waits for it
  if (c.shard.decider()) {
    c.holds(ex.head.capacity() + ex.spare.capacity() + c.reader.pending.capacity());
    auto heard = co_await ask_decider(c, to);
    if (is_gone(c, to))
      co_return caf::make_error(errc::cancelled, std::string{"the client has gone"});
    if (heard && *heard) {
      said = policy::answer{word.emplace(std::move(**heard)).decision, word->words};
    } else if (heard) {
      silence = heard->error();
      log_silence(c, to, silence);
    } // else the rules alone decide
  }
  auto head = std::move(ex.spare);
  auto judged = settle(c, judge_answered(c, ex, head, said ? &*said : nullptr), head, ex);
  if (auto* still = std::get_if<policy::question>(&judged))
    judged = silence ? refusal_by_silence(still->unanswered(), silence)
                     : policy::denial{still->unanswered()};
  if (!std::holds_alternative<let_through>(judged) && !ex.granted)
    ex.spare = std::move(head); // tells the form of the answer
  co_return std::move(judged);
}

} // namespace proxy
