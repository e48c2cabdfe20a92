#include "policy/evaluate.hpp"

#include <algorithm>

#include "policy/ip_class.hpp"

namespace proxy::policy {

namespace {

/// Notes the steps of an evaluation; costs a test of a null pointer when nobody asked for them.
class notes {
public:
  explicit notes(trace* why) : why_(why) {}

  template <class Outcome>
  void add(std::string_view name, Outcome outcome) const {
    if (why_)
      why_->push_back({name, outcome()});
  }

private:
  trace* why_;
};

std::string matches(const rule& by) {
  auto out = "matches " + by.text;
  if (!by.file.empty())
    out += " (" + by.file + (by.line != 0 ? ':' + std::to_string(by.line) : "") + ')';
  return out;
}

std::string matches_or_not(const rule* by) { return by ? matches(*by) : "no match"; }

denial refuse(reason why, const rule* by = nullptr) {
  return {why, source::baseline_policy, decision::deny, by, {}, true};
}

denial refuse_by_mode(reason why) {
  return {why, source::mode_guard, decision::deny, nullptr, {}, false};
}

ip_address loopback_v4() { return ip_address::v4(0x7F000001); }

ip_address loopback_v6() {
  std::array<uint8_t, 16> bytes{};
  bytes.back() = 1;
  return ip_address::v6(bytes);
}

bool is_unspecified(const ip_address& address) {
  return address == ip_address::v4(0) || address == ip_address{};
}

bool is_loopback(const ip_address& address) { return classify(address) == ip_class::loopback; }

/// Whether connecting to `to` reaches one of the proxy's own listeners.
bool is_own_address(const rules& in_force, const ip_address& to, uint16_t port) {
  // Linux takes a connection to 0.0.0.0 or :: to this host itself.
  bool to_this_host = is_unspecified(to) || is_loopback(to);
  auto& here = in_force.local_addresses;
  for (auto& listener : in_force.own_listeners) {
    if (listener.port != port)
      continue;
    if (listener.ip == to || (is_unspecified(to) && is_loopback(listener.ip)))
      return true;
    if (is_unspecified(listener.ip) &&
        (to_this_host || std::find(here.begin(), here.end(), to) != here.end()))
      return true;
  }
  return false;
}

/// The same for an address and the v4 address it carries.
bool reaches_own_listener(const rules& in_force, const ip_address& to, uint16_t port) {
  auto carried = embedded_v4(to);
  return is_own_address(in_force, to, port) ||
         (carried && is_own_address(in_force, *carried, port));
}

/// The denied pattern for an address, by itself or by the v4 address it carries.
const rule* denied_address(const pattern_set& denied, const ip_address& address, uint16_t port) {
  if (!denied.has_networks())
    return nullptr;
  if (auto by = denied.match_address(address, port))
    return by;
  auto carried = embedded_v4(address);
  return carried ? denied.match_address(*carried, port) : nullptr;
}

const rule* denied_host(const pattern_set& denied, const host& h, uint16_t port) {
  if (auto by = denied.match(h, port))
    return by;
  return h.ip() ? denied_address(denied, *h.ip(), port) : nullptr;
}

/// Step 5 for a literal or localhost name.
bool local_is_refused(const rules& in_force, const target& what, const notes& note) {
  auto& h = what.host;
  if (h.ip() && is_metadata(*h.ip())) {
    auto by = in_force.allowed->match_literal(*h.ip(), what.port);
    note.add("local", [&] {
      return by ? "metadata address, " + matches(*by) : "metadata address, not listed as a literal";
    });
    return by == nullptr;
  }
  bool local = h.is_localhost() || (h.ip() && is_non_public(*h.ip()));
  if (!local || in_force.allow_local_binding) {
    note.add("local", [&] {
      return std::string{local ? "local, allow_local_binding" : "not a local name or literal"};
    });
    return false;
  }
  auto by = in_force.allowed->match_explicit(h, what.port);
  note.add("local", [&] { return by ? "local, " + matches(*by) : "local, not listed explicitly"; });
  return by == nullptr;
}

/// Steps 2 to 6. Sets `by` to the allowed pattern when it returns no denial.
std::optional<denial> judge_host(const rules& in_force, const target& what, const notes& note,
                                 const rule*& by) {
  note.add("host", [&] { return what.host.in_url() + ':' + std::to_string(what.port); });
  note.add("enabled", [&] { return std::string{in_force.enabled ? "yes" : "no"}; });
  if (!in_force.enabled)
    return denial{reason::proxy_disabled, source::proxy_state, decision::deny, nullptr, {}, false};

  auto denied = denied_host(*in_force.denied, what.host, what.port);
  note.add("denied_domains", [&] { return matches_or_not(denied); });
  if (denied)
    return refuse(reason::denied, denied);

  bool own = is_own_listener(in_force, what.host, what.port);
  note.add("own_listeners",
           [&] { return std::string{own ? "the proxy's own listener" : "no match"}; });
  if (own)
    return refuse(reason::not_allowed_local);

  if (local_is_refused(in_force, what, note))
    return refuse(reason::not_allowed_local);

  by = in_force.allowed->match(what.host, what.port);
  note.add("allowed_domains", [&] { return matches_or_not(by); });
  if (!by)
    return refuse(reason::not_allowed);
  return std::nullopt;
}

/// The mode, once the host has been let through.
std::optional<denial> judge_mode(const rules& in_force, const target& what, const notes& note) {
  auto verdict = [&]() -> std::pair<reason, std::string_view> {
    if (in_force.mode == mode::full)
      return {reason::allow, "full: any method"};
    if (what.protocol == protocol::socks5_tcp || what.protocol == protocol::socks5_udp)
      return {reason::method_not_allowed, "limited: no SOCKS5"};
    if (what.protocol == protocol::https_connect)
      return in_force.mitm
               ? std::pair{reason::allow, std::string_view{"limited: CONNECT is intercepted"}}
               : std::pair{reason::mitm_required,
                           std::string_view{"limited: CONNECT without interception"}};
    if (what.upgrade)
      return {reason::method_not_allowed, "limited: no protocol upgrade"};
    if (!allows_method(in_force.mode, what.method))
      return {reason::method_not_allowed, "limited: only GET, HEAD, OPTIONS"};
    return {reason::allow, "limited: method allowed"};
  }();
  note.add("method", [&] { return std::string{verdict.second}; });
  if (verdict.first == reason::allow)
    return std::nullopt;
  return refuse_by_mode(verdict.first);
}

/// Whether an address is what a literal or localhost name stands for, so that listing the name
/// lists it.
bool stands_for(const host& h, const ip_address& address) {
  return h.ip() ? *h.ip() == address : h.is_localhost() && is_loopback(address);
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

} // namespace

bool is_own_listener(const rules& in_force, const host& h, uint16_t port) {
  if (in_force.own_listeners.empty())
    return false;
  if (h.ip())
    return reaches_own_listener(in_force, *h.ip(), port);
  return h.is_localhost() && (is_own_address(in_force, loopback_v4(), port) ||
                              is_own_address(in_force, loopback_v6(), port));
}

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

std::variant<permit, denial> evaluate(const rules& in_force, target what, trace* why) {
  notes note{why};
  const rule* by = nullptr;
  if (auto no = judge_host(in_force, what, note, by))
    return std::move(*no);
  if (auto no = judge_mode(in_force, what, note))
    return std::move(*no);
  return permit{std::move(what), by, source::baseline_policy};
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
                                trace* why) {
  notes note{why};
  // A route without addresses must not exist: an answer without any is refused like a bad one.
  if (addresses.empty())
    return refuse(reason::not_allowed_local);
  for (auto& address : addresses)
    if (auto no = judge_address(in_force, p.to(), address, note))
      return std::move(*no);
  return route{std::move(p), std::move(addresses)};
}

std::optional<denial> judge_again(const rules& in_force, const target& what,
                                  const ip_address& connected, bool by_decider, bool intercepted) {
  notes silent{nullptr};
  const rule* by = nullptr;
  if (auto no = judge_host(in_force, what, silent, by))
    if (!by_decider || no->reason != reason::not_allowed)
      return no;
  if (auto no = judge_mode(in_force, what, silent))
    return no;
  // Interception cannot begin in the middle of a tunnel.
  if (in_force.mode == mode::limited && what.protocol == protocol::https_connect && !intercepted)
    return refuse_by_mode(reason::mitm_required);
  return judge_address(in_force, what, connected, silent);
}

} // namespace proxy::policy
