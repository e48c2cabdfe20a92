#include "policy/evaluate.hpp"

#include "policy/ip_class.hpp"
#include "policy/judge.hpp"

namespace proxy::policy {

using namespace judging;

namespace {

/// Whether an address is what a literal or localhost name stands for, so that listing the name
/// lists it.
bool stands_for(const host& h, const ip_address& address) {
  return h.ip() ? *h.ip() == address : h.is_localhost() && classify(address) == ip_class::loopback;
}

/// Steps 4, 3 and 7 for one address.
std::optional<denial> judge_address(const rules& in_force, const target& what,
                                    const ip_address& address, const notes& note) {
  auto refused = [&](reason why, const rule* by, std::string_view words) {
    note.add("addresses", [&] {
      return address.str() + ": " + std::string{words} + (by ? ", " + matches(*by) : "");
    });
    return refuse(why, by);
  };
  if (reaches_own_listener(in_force, address, what.port))
    return refused(reason::not_allowed_local, nullptr, "the proxy's own listener");
  if (auto by = denied_address(*in_force.denied, address, what.port))
    return refused(reason::denied, by, "denied");
  auto kind = classify(address);
  bool listed =
    stands_for(what.host, address) && in_force.allowed->match_explicit(what.host, what.port);
  if (kind != ip_class::global && !in_force.allow_local_binding && !listed)
    return refused(reason::not_allowed_local, nullptr, to_string(kind));
  if (kind == ip_class::metadata && !in_force.allowed->match_literal(address, what.port))
    return refused(reason::not_allowed_local, nullptr, to_string(kind));
  note.add("addresses", [&] { return address.str() + ": " + std::string{to_string(kind)}; });
  return std::nullopt;
}

/// Step 3 for the name that a search domain made of the one that was let through.
std::optional<denial> judge_found_name(const rules& in_force, const host& asked,
                                       const host& found_as, uint16_t port, const notes& note) {
  if (found_as.text().empty())
    return std::nullopt;
  if (auto by = in_force.denied->match(found_as, port)) {
    note.add("search", [&] { return found_as.text() + ": denied, " + matches(*by); });
    return refuse(reason::denied, by);
  }
  // A short name must not lead round the hooks of the long one.
  if (!is_hooked(in_force, asked) && is_hooked(in_force, found_as)) {
    note.add("search", [&] { return found_as.text() + ": has hooks, to be asked by that name"; });
    return refuse_by_mode(reason::mitm_required);
  }
  return std::nullopt;
}

/// Whether the host and the mode are decisions of their own: where limited mode takes nothing of a
/// way in at all, the host is no matter, and a datagram's target is one thing.
bool is_judged_apart(const rules& in_force, const target& what) noexcept {
  switch (what.protocol) {
    case protocol::socks5_tcp: return in_force.mode == mode::full;
    case protocol::socks5_udp: return false;
    default: return true;
  }
}

/// Whether what goes through a tunnel has to be seen for the policy to hold.
bool must_be_read(const rules& in_force, const target& tunnel) noexcept {
  return in_force.mode == mode::limited || is_hooked(in_force, tunnel.host);
}

} // namespace

rules_ptr deny_all() {
  auto out = std::make_shared<rules>();
  std::vector<pattern_set::problem> problems;
  out->allowed = pattern_set::compile({}, problems);
  out->denied = out->allowed;
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
  const rule* by = nullptr;
  if (auto no = judge_host(in_force, what, note, by))
    return std::move(*no);
  if (auto no = judge_mode(in_force, what, note)) {
    if (is_judged_apart(in_force, what))
      no->passed = by;
    return std::move(*no);
  }
  return permit{std::move(what), by, source::baseline_policy};
}

bool is_read(const rules& in_force, const target& what) noexcept {
  if (what.protocol == protocol::https || what.inside)
    return true;
  if (!in_force.mitm)
    return false;
  if (what.protocol == protocol::socks5_tcp)
    return in_force.inspect;
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
  return permit{std::move(request), tunnel.rule(), tunnel.source()};
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
  return permit{std::move(what), nullptr, source::decider};
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
  if (auto no = judge_found_name(in_force, p.to().host, found_as, p.to().port, note))
    return std::move(*no);
  // A route without addresses must not exist: an answer without any is refused like a bad one.
  if (addresses.empty())
    return refuse(reason::not_allowed_local);
  for (auto& address : addresses)
    if (auto no = judge_address(in_force, p.to(), address, note))
      return std::move(*no);
  return route{std::move(p), std::move(addresses), found_as};
}

std::optional<denial> judge_again(const rules& in_force, const target& what,
                                  const std::optional<ip_address>& connected, bool by_decider,
                                  bool intercepted, const host& found_as) {
  notes silent{nullptr};
  const rule* by = nullptr;
  if (auto no = judge_host(in_force, what, silent, by))
    if (!by_decider || no->reason != reason::not_allowed)
      return no;
  if (auto no = judge_mode(in_force, what, silent))
    return no;
  // Interception cannot begin in the middle of a tunnel.
  if (what.protocol == protocol::https_connect && !intercepted && must_be_read(in_force, what))
    return refuse_by_mode(reason::mitm_required);
  if (auto no = judge_found_name(in_force, what.host, found_as, what.port, silent))
    return no;
  return connected ? judge_address(in_force, what, *connected, silent) : std::nullopt;
}

} // namespace proxy::policy
