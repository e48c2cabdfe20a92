#include <algorithm>

#include "actors/dns/search_domains.hpp"
#include "actors/loop/task/request.hpp"
#include "actors/serve/client/asker.hpp"
#include "actors/serve/core/measure.hpp"
#include "actors/serve/decide/decide.hpp"
#include "actors/serve/socks5/association.hpp"
#include "protocols/socks5/datagram.hpp"

// Which targets an association sends to: what the policy, somebody's word and the resolver make of
// what the client names.

namespace proxy {

namespace {

/// Look-ups that are under way, and questions that are open, for one association.
constexpr size_t max_look_ups = 16;
constexpr size_t max_questions = 16;

/// How long a target stays closed that is refused, or comes when there are too many look-ups.
constexpr std::chrono::seconds refused_for{60};
constexpr std::chrono::milliseconds busy_for{100};

/// Targets whose verdicts are remembered. When there are more, the old ones go.
constexpr size_t max_recorded = 1024;
constexpr std::chrono::seconds recorded_for{60};

/// The first address that there is a way to.
size_t first_reachable(network& net, std::span<const ip_address> addresses, uint16_t port) {
  for (size_t i = 0; i + 1 < addresses.size(); ++i)
    if (net.has_way_to(make_sockaddr(addresses[i], port)))
      return i;
  return addresses.size() - 1;
}

} // namespace

void association::begin(udp_target& t) {
  auto named = socks5::read_address(t.address());
  if (!named || named->port == 0)
    return targets_.close(t, c_.shard.loop.now() + refused_for);
  t.to = {};
  t.to.protocol = policy::protocol::socks5_udp;
  t.to.host = std::move(named->host);
  t.to.port = named->port;
  if (auto question = judge(t, nullptr))
    ask(t, *question);
}

std::optional<policy::denial> association::judge(udp_target& t, const policy::answer* said) {
  auto judged =
    policy::decide(*c_.shard.policy->rules, {.to = t.to, .by = asker_of(c_), .answer = said});
  if (auto* question = std::get_if<policy::question>(&judged))
    return question->unanswered();
  if (auto* denial = std::get_if<policy::denial>(&judged)) {
    refuse(t, *denial);
  } else {
    t.granted.emplace(std::get<policy::permit>(std::move(judged)), c_.shard.policy);
    lead(t);
  }
  return std::nullopt;
}

void association::ask(udp_target& t, const policy::denial& unanswered) {
  if (!c_.shard.decider())
    return refuse(t, unanswered);
  auto open = std::ranges::count(targets_.all(), udp_target::state::asked, &udp_target::is);
  if (static_cast<size_t>(open) >= max_questions)
    return targets_.close(t, c_.shard.loop.now() + busy_for);
  has_asked_ = true;
  t.is = udp_target::state::asked;
  t.question = std::make_unique<pending_question>(
    c_, t.to, [this, &t](caf::expected<decider_word> word) { answered(t, std::move(word)); });
}

void association::answered(udp_target& t, caf::expected<decider_word> word) {
  std::optional<policy::answer> said;
  if (word)
    said = policy::answer{word->decision, word->words};
  else
    log_silence(c_, t.to, word.error());
  if (auto unanswered = judge(t, said ? &*said : nullptr))
    refuse(t, word ? *unanswered : refusal_by_silence(std::move(*unanswered), word.error()));
  t.question = nullptr;
  flush_up();
  count_held();
  c_.wakes.fire(); // what waited has gone: that is no silence
}

void association::lead(udp_target& t) {
  dns_answer known{policy::known_addresses(t.to.host)};
  if (known.addresses.empty())
    if (auto at = names_.find(question_for(t.to.host)); at != names_.end())
      known = at->second;
  if (known.addresses.empty() && looking_up_ >= max_look_ups) {
    drop(&shard_counters::udp_dropped_refused, t.waiting.size());
    return targets_.close(t, c_.shard.loop.now() + busy_for);
  }
  if (known.addresses.empty())
    resolve(t);
  else if (auto fresh = t.granted->look(c_.shard.policy))
    settle(t, *fresh, std::move(known));
}

void association::resolve(udp_target& t) {
  ++looking_up_;
  t.is = udp_target::state::resolving;
  auto name = question_for(t.to.host);
  auto come = [still = alive_, name,
               began = c_.shard.loop.now()](caf::expected<dns_answer> answer) {
    if (!*still)
      return;
    count_look_up((*still)->c_.shard, began, answer);
    (*still)->resolved(name, std::move(answer));
  };
  auto deadline = c_.in(c_.timeouts().dns + std::chrono::seconds{1});
  request_until<dns_answer>(&c_.self, deadline, c_.shard.resolver, come, atom::resolve_v, name);
}

void association::resolved(const std::string& name, caf::expected<dns_answer> answer) {
  --looking_up_;
  if (answer) {
    if (names_.size() >= c_.shard.config().limits.max_udp_targets)
      names_.clear();
    names_[name] = *answer;
  }
  for (auto& t : targets_.all()) {
    if (t.is != udp_target::state::resolving || question_for(t.to.host) != name)
      continue;
    auto renewed = t.granted->renew(c_.shard.policy, asker_of(c_));
    if (auto* denial = std::get_if<policy::denial>(&renewed)) {
      refuse(t, *denial);
      continue;
    }
    const auto& fresh = std::get<fresh_pass>(renewed);
    if (answer) {
      settle(t, fresh, *answer);
    } else {
      admit(t, fresh); // that it has no address is no verdict
      drop(&shard_counters::udp_dropped_refused, t.waiting.size());
      targets_.close(t, c_.shard.loop.now() + unreachable_for);
    }
  }
  flush_up();
  count_held();
  c_.wakes.fire(); // what waited has gone: that is no silence
}

void association::settle(udp_target& t, const fresh_pass& fresh, dns_answer found) {
  auto judged =
    policy::vet(fresh, asker_of(c_), std::move(found.addresses), std::move(found.found_as));
  if (auto* denial = std::get_if<policy::denial>(&judged))
    return refuse(t, *denial);
  auto waiting = std::move(t.waiting);
  t.waiting = {};
  t.leads.emplace(std::get<policy::vetted>(std::move(judged)));
  admit(t, fresh);
  t.chosen = first_reachable(c_.shard.loop.network(), t.leads->addresses(), t.to.port);
  targets_.open(t, fresh);
  for (const auto& data : waiting)
    send_up(t, data);
  if (waiting.empty())
    return;
  flush_up(); // their bytes end here
  sent_what_waited_ = true;
}

void association::refuse(udp_target& t, const policy::denial& why) {
  auto now = c_.shard.loop.now();
  drop(&shard_counters::udp_dropped_refused, t.waiting.size());
  targets_.close(t, now + refused_for);
  if (is_news(t, why.reason))
    (void)c_.shard.refused(why, t.to, c_);
}

void association::admit(udp_target& t, const fresh_pass& fresh) {
  if (is_news(t, policy::reason::allow))
    c_.shard.admitted(fresh.grant(), c_);
}

bool association::is_news(const udp_target& t, policy::reason why) {
  auto now = c_.shard.loop.now();
  auto name = t.to.host.in_url() + ':' + std::to_string(t.to.port);
  if (auto known = recorded_.find(name); known != recorded_.end()) {
    known->second.at = now;
    return std::exchange(known->second.reason, why) != why;
  }
  if (recorded_.size() >= max_recorded)
    std::erase_if(recorded_, [&](const auto& one) { return one.second.at + recorded_for <= now; });
  if (recorded_.size() >= max_recorded)
    return why == policy::reason::allow; // a flood of refused names: the counter tells
  recorded_.emplace(std::move(name), verdict_of{why, now});
  return true;
}

void association::renew(udp_target& t) {
  auto renewed = t.granted->renew(c_.shard.policy, asker_of(c_));
  if (auto* denial = std::get_if<policy::denial>(&renewed))
    return refuse(t, *denial);
  // Not the chosen one alone: it may move on to another.
  auto addresses = t.leads->addresses();
  auto vetted = policy::vet(std::get<fresh_pass>(renewed), asker_of(c_),
                            {addresses.begin(), addresses.end()}, t.leads->found_as());
  if (auto* denial = std::get_if<policy::denial>(&vetted))
    refuse(t, *denial);
}

void association::judge_again() {
  for (auto& t : targets_.all()) {
    if (t.is == udp_target::state::closed)
      t.closed_until = {}; // what was refused may be allowed now
    if (t.is == udp_target::state::open)
      renew(t);
  }
}

} // namespace proxy
