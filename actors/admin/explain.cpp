#include "actors/admin/explain.hpp"

#include <utility>

#include "actors/dns/search_domains.hpp"
#include "actors/serve/abilities.hpp"
#include "actors/serve/answer/answers.hpp"
#include "actors/serve/answer/told_inside.hpp"
#include "actors/serve/client/asker.hpp"
#include "actors/serve/upstream/upstream_name.hpp"
#include "policy/decide.hpp"
#include "policy/remedy.hpp"
#include "protocols/http1/decode.hpp"
#include "protocols/http1/rewrite.hpp"

namespace proxy {

namespace {

using policy::protocol;

explanation start(const policy::rules& in_force, const question* q, const policy::target* what) {
  explanation e;
  auto asked_by = what ? what->protocol : protocol_of(*q);
  e.protocol = policy::to_string(asked_by);
  e.mode = policy::to_string(in_force.mode);
  if (what) {
    e.host = what->host.text();
    e.port = what->port;
    e.method = what->method;
  }
  return e;
}

void set_fault(explanation& e, const caf::error& why) {
  auto code = code_of(why);
  const auto& look = outcome_of(code);
  e.reason = to_string(code);
  e.source.clear(); // no policy says so
  e.status = look.http_status;
  if (e.status == 0)
    return;
  append_fault(e.response, code, context_of(why), {.request_id = {}, .close = false});
}

void set_denial(explanation& e, const policy::rules& in_force, const policy::target& what,
                const policy::denial& why) {
  const auto& look = policy::refusal_of(why.reason);
  e.decision = why.decision;
  e.reason = policy::reason_text(why);
  e.source = policy::to_string(why.source);
  e.domain_scope = why.domain_scope;
  e.status = look.status;
  e.x_proxy_error = look.x_proxy_error;
  if (why.rule)
    e.rule = *why.rule;
  e.remedy = policy::remedy_for(in_force, why, what);
  append_refusal(e.response, why, what, {.request_id = "-", .close = false, .remedy = e.remedy});
}

/// The same for what may be a CONNECT, which is perhaps answered inside its tunnel.
void set_first_denial(explanation& e, const snapshot& in_force, const policy::target& what,
                      const policy::denial& why) {
  set_denial(e, *in_force.rules, what, why);
  e.told_inside = in_force.config && is_told_inside(*in_force.config, what, why);
  if (!e.told_inside)
    return;
  e.steps.push_back({"refusals", "CONNECT gets 200, the request inside its tunnel the refusal"});
  e.response.clear();
  append_refusal(e.response, why, what, {.request_id = "-", .remedy = e.remedy, .in_tunnel = true});
}

void set_passed(explanation& e) {
  e.reason = policy::to_string(policy::reason::allow);
  e.status = 200;
}

/// The name does not resolve here: the end of it, unless an upstream proxy resolves it.
bool may_stay_unresolved(explanation& e, const caf::error& why, bool goes_via_proxy) {
  auto step = to_string(code_of(why)) + ": " + context_of(why);
  if (goes_via_proxy) {
    e.steps.push_back({"resolve", step + "; left to the upstream proxy, judged by name alone"});
    return true;
  }
  set_fault(e, why);
  e.steps.push_back({"resolve", std::move(step)});
  return false;
}

/// Judges where a target leads to that was let through. @returns whether it may be dialled; else
/// `e` says why not.
bool judge_addresses(explanation& e, const snapshot& in_force, const policy::target& to,
                     const caf::expected<dns_answer>& found) {
  const auto* via = in_force.upstreams.choose(to);
  if (via)
    e.steps.push_back({"upstream_proxy", "via " + name_of(via)});
  policy::destination leads_to;
  e.addresses = policy::known_addresses(to.host);
  if (e.addresses.empty()) {
    if (!found)
      return may_stay_unresolved(e, found.error(), via != nullptr);
    e.addresses = found->addresses;
    if (!found->found_as.text().empty()) {
      leads_to.found_as = &found->found_as;
      e.steps.push_back({"resolve", "as " + found->found_as.text() + ", by a search domain"});
    }
  }
  leads_to.addresses = e.addresses;
  auto denial = policy::why_not(
    *in_force.rules, {.to = to, .by = {.now = e.at}, .leads_to = leads_to, .granted = true},
    &e.steps);
  if (!denial)
    return true;
  e.rule.reset();
  set_first_denial(e, in_force, to, *denial);
  return false;
}

/// What a hook does to a request, by the names of its fields alone.
std::string actions_of(const policy::mitm_hook& hook) {
  std::string out;
  auto add = [&out](std::string_view verb, const std::string& name) {
    ((out += out.empty() ? "" : ", ") += verb) += name;
  };
  for (const auto& name : hook.strip_request_headers)
    add("removes ", name);
  for (const auto& one : hook.inject_request_headers)
    add("sets ", one.name);
  return out.empty() ? "none" : out;
}

/// A request that cannot be what it says.
void set_broken(explanation& e, const caf::error& why) {
  e.decision = policy::decision::deny;
  e.rule.reset();
  set_fault(e, why);
}

/// Puts a query to the function that the flows ask. @returns what it grants; else `e` says why not.
std::optional<policy::permit> ask(explanation& e, const snapshot& in_force,
                                  const policy::query& q) {
  auto judged = policy::decide(*in_force.rules, q, &e.steps);
  if (auto* permit = std::get_if<policy::permit>(&judged))
    return std::move(*permit);
  auto* asked = std::get_if<policy::question>(&judged);
  const auto& denial = asked ? asked->unanswered() : std::get<policy::denial>(judged);
  e.rule.reset();
  if (auto err = policy::fault_in(denial))
    set_broken(e, err);
  else
    set_first_denial(e, in_force, q.to, denial);
  return std::nullopt;
}

/// The same for a request with a head.
/// @param to       Where it goes; takes what the head says of that.
/// @param through  The tunnel that it comes in; nullptr for none.
std::optional<policy::permit> ask_in_full(explanation& e, const snapshot& in_force,
                                          policy::target& to, const policy::target* through,
                                          const std::string& head) {
  http1::request req;
  http1::request_target target;
  auto err = http1::decode_request(head, {}, req);
  if (!err)
    err = http1::parse_target(req, target);
  if (err) {
    e.steps.push_back({"request", context_of(err)});
    set_broken(e, err);
    return std::nullopt;
  }
  to.host = target.host;
  to.method = req.method;
  to.upgrade = to.upgrade || !req.upgrade.empty();
  std::vector<http1::field> fields;
  http1::list_forwarded(req, fields);
  http1::request_path path;
  auto permit = ask(e, in_force,
                    {.to = to,
                     .by = {.now = e.at},
                     .request = policy::request_facts{target.path, fields, &path},
                     .through = through});
  if (permit || !e.source.empty()) // else it is at fault itself
    e.method = to.method;
  if (permit && permit->hook()) {
    e.hook = permit->hook_index();
    e.steps.push_back({"hook_actions", actions_of(*permit->hook())});
  }
  return permit;
}

/// Judges the request inside a tunnel that would be intercepted, as far as the question names one.
bool judge_inside(explanation& e, const snapshot& in_force, const policy::target& tunnel,
                  const std::string& head) {
  if (head.empty()) {
    e.steps.push_back({"intercept", "each request inside is judged by itself"});
    return true;
  }
  e.steps.push_back({"intercept", "the request inside is judged as well"});
  policy::target to;
  to.protocol = protocol::https;
  to.port = tunnel.port;
  to.in_tunnel = true;
  return ask_in_full(e, in_force, to, &tunnel, head).has_value();
}

/// Judges a request for a unix socket, by names alone: nothing is looked up.
void explain_socket(explanation& e, const snapshot& in_force, const policy::target& what) {
  auto judged = policy::decide(
    *in_force.rules, policy::socket_query{.request = what, .served = abilities{}.unix_sockets},
    &e.steps);
  auto* denial = std::get_if<policy::denial>(&judged);
  auto listed = !denial && std::get<policy::socket_permit>(judged).by_name();
  if (!listed)
    return set_denial(e, *in_force.rules, what, denial ? *denial : policy::socket_not_allowed());
  e.decision = policy::decision::allow;
  e.source = policy::to_string(policy::source::proxy_state);
  e.domain_scope = false;
  set_passed(e);
}

/// All that is judged before anything is looked up: of a tunnel its CONNECT, which is dialled
/// before its first request can be seen. @returns whether it passes.
bool judge_names(explanation& e, const snapshot& in_force, const asked& what) {
  const auto& rules = *in_force.rules;
  auto to = what.target;
  auto is_request = to.protocol == protocol::http || to.protocol == protocol::https;
  auto permit = is_request ? ask_in_full(e, in_force, to, nullptr, what.head)
                           : ask(e, in_force, {.to = to, .by = {.now = e.at}});
  if (!permit)
    return false;
  e.decision = policy::decision::allow;
  e.source = policy::to_string(permit->source());
  if (permit->rule())
    e.rule = *permit->rule();
  e.mitm = !is_request && policy::is_read(rules, to);
  return true;
}

} // namespace

std::string name_to_resolve(const snapshot& in_force, const asked& what) {
  if (what.target.unix_socket || !policy::known_addresses(what.target.host).empty())
    return {};
  explanation unseen;
  return judge_names(unseen, in_force, what) ? question_for(what.target.host) : std::string{};
}

explanation explain(const snapshot& in_force, const asked& what,
                    const caf::expected<dns_answer>& found, const clock& time) {
  auto e = start(*in_force.rules, nullptr, &what.target);
  e.at = moment_for(in_force, time);
  e.words = what.words;
  if (what.target.unix_socket)
    explain_socket(e, in_force, what.target);
  else if (judge_names(e, in_force, what) && judge_addresses(e, in_force, what.target, found) &&
           (!e.mitm || judge_inside(e, in_force, what.target, what.head)))
    set_passed(e);
  return e;
}

explanation explain_fault(const policy::rules& in_force, const question& q, const caf::error& why) {
  auto e = start(in_force, &q, nullptr);
  e.words = words_of(q);
  e.method = q.method;
  set_fault(e, why);
  e.steps.push_back({"request", context_of(why)});
  return e;
}

} // namespace proxy
