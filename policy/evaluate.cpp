#include "policy/evaluate.hpp"

#include "policy/ip_class.hpp"
#include "policy/judge.hpp"

namespace proxy::policy {

using namespace judging;

rules_ptr deny_all() {
  auto out = std::make_shared<rules>();
  std::vector<rule_table::problem> none;
  out->table = rule_table::compile(rules_from({}), none);
  return out;
}

std::string_view reason_text(const denial& d) noexcept {
  return d.words.empty() ? to_string(d.reason) : std::string_view{d.words};
}

std::string_view refusal_text(const denial& d, const target& what) noexcept {
  // With a rule it is a hook that has to see the requests, without one the mode.
  if (d.reason != reason::mitm_required || !d.rule)
    return refusal_of(d.reason).text;
  return what.protocol == protocol::http
           ? "This host has MITM hooks: it is not reached over plain HTTP, use HTTPS."
           : "This host has MITM hooks: it is reached only where its requests can be read.";
}

std::variant<permit, denial> evaluate(const rules& in_force, target what, trace* why) {
  notes note{why};
  rule_match by;
  if (auto no = judge_host(in_force, what, facts_of(in_force, what), note, by))
    return std::move(*no);
  if (auto no = judge_mode(in_force, what, note)) {
    if (is_judged_apart(in_force, what))
      no->passed = by.place;
    return std::move(*no);
  }
  return grants::make(std::move(what), by.place, source::baseline_policy);
}

bool is_read(const rules& in_force, const target& what) noexcept {
  if (what.protocol == protocol::https || what.inside)
    return true;
  if (!in_force.mitm)
    return false;
  if (what.protocol == protocol::socks5_tcp)
    return in_force.inspect || in_force.table->find_reading(what.host, what.port);
  return what.protocol == protocol::https_connect &&
         (in_force.inspect || must_be_read(in_force, what));
}

permit inside(const permit& tunnel, std::string method, bool upgrade, bool tls) {
  target request{.protocol = tls ? protocol::https : protocol::http,
                 .host = tunnel.to().host,
                 .port = tunnel.to().port,
                 .method = std::move(method),
                 .upgrade = upgrade,
                 .inside = true};
  return grants::make(std::move(request), tunnel.rule(), tunnel.source());
}

std::optional<denial> judge_unreadable(const rules& in_force, const target& tunnel, bool hides) {
  if (!must_be_read(in_force, tunnel) && !(hides && is_read(in_force, tunnel)))
    return std::nullopt;
  return refuse_by_mode(reason::mitm_required);
}

std::variant<permit, denial> overrule(const rules& in_force, const denial& d, target what,
                                      trace* why) {
  notes note{why};
  if (d.reason != reason::not_allowed)
    return d;
  note.add("decider", [] { return std::string{"allowed"}; });
  if (auto no = judge_mode(in_force, what, note))
    return std::move(*no);
  return grants::make(std::move(what), nullptr, source::decider);
}

denial uphold(const denial& d, decision how, std::string words) {
  if (d.reason != reason::not_allowed)
    return d;
  denial out{reason::policy_denied, source::decider, how, nullptr, std::move(words), true};
  if (auto named = reason_named(out.words)) {
    out.reason = *named;
    out.words.clear();
  }
  return out;
}

std::vector<ip_address> known_addresses(const host& h) {
  if (h.ip())
    return {*h.ip()};
  if (h.is_localhost())
    return {loopback_v4(), loopback_v6()};
  return {};
}

std::variant<route, denial> vet(const rules& in_force, permit p, std::vector<ip_address> addresses,
                                trace* why, const host& found_as) {
  notes note{why};
  if (auto no = judge_found_name(in_force, p.to(), found_as, facts_of(in_force, p.to()), note))
    return std::move(*no);
  // A route without addresses must not exist: an answer without any is refused like a bad one.
  if (addresses.empty())
    return refuse(reason::not_allowed_local);
  for (auto& address : addresses)
    if (auto no = judge_address(in_force, p.to(), address, facts_of(in_force, p.to()), note))
      return std::move(*no);
  return route{std::move(p), std::move(addresses), found_as};
}

std::optional<denial> judge_again(const rules& in_force, const target& what,
                                  const std::optional<ip_address>& connected, bool by_decider,
                                  bool intercepted, const host& found_as) {
  notes silent{nullptr};
  rule_match by;
  auto facts = facts_of(in_force, what);
  if (auto no = judge_host(in_force, what, facts, silent, by))
    if (!by_decider || no->reason != reason::not_allowed)
      return no;
  if (auto no = judge_mode(in_force, what, silent))
    return no;
  // Interception cannot begin in the middle of a tunnel.
  if (what.protocol == protocol::https_connect && !intercepted && must_be_read(in_force, what))
    return refuse_by_mode(reason::mitm_required);
  if (auto no = judge_found_name(in_force, what, found_as, facts, silent))
    return no;
  return connected ? judge_address(in_force, what, *connected, facts, silent) : std::nullopt;
}

} // namespace proxy::policy
