#include "actors/explain.hpp"

#include <utility>

#include "actors/abilities.hpp"
#include "actors/answers.hpp"
#include "actors/search_domains.hpp"
#include "actors/socket_dialer.hpp"
#include "actors/told_inside.hpp"
#include "actors/upstream_name.hpp"
#include "policy/inner.hpp"
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
  append_refusal(e.response, why, what, {.request_id = "-", .remedy = e.remedy, .inside = true});
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

/// Judges where a permitted target leads to. @returns whether it may be dialled; else `e` says why
/// not.
bool judge_addresses(explanation& e, const snapshot& in_force, const policy::permit& permit,
                     const caf::expected<dns_answer>& found) {
  const auto* via = in_force.upstreams.choose(permit.to());
  if (via)
    e.steps.push_back({"upstream_proxy", "via " + name_of(via)});
  host found_as;
  e.addresses = policy::known_addresses(permit.to().host);
  if (e.addresses.empty()) {
    if (!found)
      return may_stay_unresolved(e, found.error(), via != nullptr);
    e.addresses = found->addresses;
    found_as = found->found_as;
    if (!found_as.text().empty())
      e.steps.push_back({"resolve", "as " + found_as.text() + ", by a search domain"});
  }
  auto vetted = policy::vet(*in_force.rules, permit, e.addresses, &e.steps, found_as);
  auto* denial = std::get_if<policy::denial>(&vetted);
  if (!denial)
    return true;
  e.rule.reset();
  set_first_denial(e, in_force, permit.to(), *denial);
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

/// Decodes the head of a request that is read and compares what it calls its host.
caf::error read_head(const std::string& head, const policy::target& to, http1::request& req,
                     http1::request_target& target) {
  if (auto err = http1::decode_request(head, {}, req))
    return err;
  auto named = req.find("host");
  if (auto err = policy::check_authority(to.host, named.value_or("")))
    return err;
  return http1::parse_target(req, target);
}

/// Judges a request that the proxy reads, by the function that the flows use. @returns whether it
/// may pass; else `e` says why not.
/// @param to  Where it goes: the target of the request, or of its tunnel.
bool judge_read(explanation& e, const policy::rules& in_force, const policy::permit& to,
                const std::string& head) {
  http1::request req;
  http1::request_target target;
  if (auto err = read_head(head, to.to(), req, target)) {
    e.steps.push_back({"request", context_of(err)});
    e.decision = policy::decision::deny;
    e.rule.reset();
    set_fault(e, err);
    return false;
  }
  auto upgrade = to.to().upgrade || !req.upgrade.empty();
  auto permit = policy::inside(to, std::string{req.method}, upgrade);
  e.method = req.method;
  std::vector<http1::field> fields;
  http1::list_forwarded(req, fields);
  http1::request_path path;
  auto judged = policy::judge_inner(in_force, permit.to(),
                                    {req.method, target.path, fields, upgrade}, path, &e.steps);
  if (auto* denial = std::get_if<policy::denial>(&judged)) {
    e.rule.reset();
    set_denial(e, in_force, permit.to(), *denial);
    return false;
  }
  const auto& granted = std::get<policy::forward>(judged);
  if (granted.hook) {
    e.hook = granted.index;
    e.steps.push_back({"hook_actions", actions_of(*granted.hook)});
  }
  return true;
}

/// Judges the request inside a tunnel that would be intercepted, as far as the question names one.
bool judge_inside(explanation& e, const policy::rules& in_force, const policy::permit& tunnel,
                  const std::string& head) {
  if (head.empty()) {
    e.steps.push_back({"intercept", "each request inside is judged by itself"});
    return true;
  }
  e.steps.push_back({"intercept", "the request inside is judged as well"});
  return judge_read(e, in_force, tunnel, head);
}

/// Judges a request for a unix socket, by names alone: nothing is looked up.
void explain_socket(explanation& e, const snapshot& in_force, const policy::target& what) {
  auto judged = policy::judge_socket(*in_force.rules, socket_lists_of(*in_force.config),
                                     abilities{}.unix_sockets, what);
  auto* denial = std::get_if<policy::denial>(&judged);
  auto listed = !denial && std::get<policy::socket_permit>(judged).by_name();
  e.steps.push_back(
    {"unix_socket", denial   ? std::string{policy::to_string(denial->reason)}
                    : listed ? std::string{"listed"}
                             : std::string{"not listed; passes as a link to one that is"}});
  if (!listed)
    return set_denial(e, *in_force.rules, what, denial ? *denial : policy::socket_not_allowed());
  e.decision = policy::decision::allow;
  e.source = policy::to_string(policy::source::proxy_state);
  e.domain_scope = false;
  set_passed(e);
}

} // namespace

std::string name_to_resolve(const policy::rules& in_force, const policy::target& what) {
  if (what.unix_socket)
    return {};
  auto judged = policy::evaluate(in_force, what);
  if (!std::holds_alternative<policy::permit>(judged) ||
      !policy::known_addresses(what.host).empty())
    return {};
  return question_for(what.host);
}

explanation explain(const snapshot& in_force, const asked& what,
                    const caf::expected<dns_answer>& found) {
  const auto& rules = *in_force.rules;
  auto e = start(rules, nullptr, &what.target);
  e.words = what.words;
  if (what.target.unix_socket) {
    explain_socket(e, in_force, what.target);
    return e;
  }
  auto judged = policy::evaluate(rules, what.target, &e.steps);
  if (auto* denial = std::get_if<policy::denial>(&judged)) {
    set_first_denial(e, in_force, what.target, *denial);
    return e;
  }
  const auto& permit = std::get<policy::permit>(judged);
  e.decision = policy::decision::allow;
  e.source = policy::to_string(permit.source());
  if (permit.rule())
    e.rule = *permit.rule();
  auto read = policy::is_read(rules, what.target);
  e.mitm = read && what.target.protocol != protocol::https;
  // In absolute form the request is judged before its host is looked up, inside a tunnel after.
  if (read && !e.mitm && !judge_read(e, rules, permit, what.head))
    return e;
  if (!judge_addresses(e, in_force, permit, found))
    return e;
  if (e.mitm && !judge_inside(e, rules, permit, what.head))
    return e;
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
