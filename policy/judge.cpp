#include "policy/judge.hpp"

#include <algorithm>

#include "policy/ip_class.hpp"

namespace proxy::policy {

namespace judging {

namespace {

bool is_unspecified(const ip_address& address) {
  return address == ip_address::v4(0) || address == ip_address{};
}

bool is_loopback(const ip_address& address) { return classify(address) == ip_class::loopback; }

/// The v4 address where one carries it: the form in which both ends of a comparison meet.
ip_address plain(const ip_address& address) { return embedded_v4(address).value_or(address); }

/// Whether connecting to `to` reaches one of the proxy's own listeners.
bool is_own_address(const rules& in_force, const ip_address& to, uint16_t port) {
  // Linux takes a connection to 0.0.0.0 or :: to this host itself.
  bool to_this_host = is_unspecified(to) || is_loopback(to);
  auto& here = in_force.local_addresses;
  for (auto& listener : in_force.own_listeners) {
    if (listener.port != port)
      continue;
    if (listener.ip == to || plain(listener.ip) == to ||
        (is_unspecified(to) && is_loopback(listener.ip)))
      return true;
    if (is_unspecified(plain(listener.ip)) &&
        (to_this_host || std::find(here.begin(), here.end(), to) != here.end()))
      return true;
  }
  return false;
}

std::string matches_or_not(const rule_match& listing) {
  return listing ? matches(*listing.place) : "no match";
}

rule_match denied_host(const rule_table& table, const target& what, const rule_facts& facts) {
  auto& h = what.host;
  if (auto by = table.find(action::deny, h, what.port, facts))
    return by;
  return h.ip() ? table.find_denied_address(*h.ip(), what.port, facts) : rule_match{};
}

/// Step 5 for a literal or localhost name.
/// @param for_reading  Set where what lists it lets it through to be read alone.
bool local_is_refused(const rules& in_force, const target& what, const rule_facts& facts,
                      const notes& note, bool& for_reading) {
  auto& h = what.host;
  if (h.ip() && is_metadata(*h.ip())) {
    auto by = in_force.table->find_literal(*h.ip(), what.port, facts);
    note.add("local", [&] {
      return by ? "metadata address, " + matches(*by.place)
                : "metadata address, not listed as a literal";
    });
    for_reading = by.for_reading;
    return !by;
  }
  bool local = h.is_localhost() || (h.ip() && is_non_public(*h.ip()));
  if (!local || in_force.allow_local_binding) {
    note.add("local", [&] {
      return std::string{local ? "local, allow_local_binding" : "not a local name or literal"};
    });
    return false;
  }
  auto by = in_force.table->find_explicit(h, what.port, facts);
  note.add("local",
           [&] { return by ? "local, " + matches(*by.place) : "local, not listed explicitly"; });
  for_reading = by.for_reading;
  return !by;
}

constexpr std::string_view any_method = "full: any method";
constexpr std::string_view no_socks5 = "limited: no SOCKS5";

/// What the mode says of a request, whatever it came by.
std::pair<reason, std::string_view> mode_verdict(const rule* limit, std::string_view method,
                                                 bool upgrade) {
  if (!limit)
    return {reason::allow, any_method};
  if (upgrade)
    return {reason::method_not_allowed, "limited: no protocol upgrade"};
  if (std::ranges::find(limit->request->methods, method) == limit->request->methods.end())
    return {reason::method_not_allowed, "limited: only GET, HEAD, OPTIONS"};
  return {reason::allow, "limited: method allowed"};
}

std::pair<reason, std::string_view> mode_verdict(const rules& in_force, const target& what) {
  auto limit = in_force.table->limit();
  if (limit && !limit->protocols.fits(what.protocol))
    return {reason::method_not_allowed, no_socks5};
  if (limit && what.protocol == protocol::https_connect)
    return in_force.mitm
             ? std::pair{reason::allow, "limited: CONNECT is intercepted"}
             : std::pair{reason::mitm_required, "limited: CONNECT without interception"};
  return mode_verdict(limit, what.method, what.upgrade);
}

const mitm_hook& first_hook(const rules& in_force, const hook_set::numbers& of_host) {
  return in_force.table->hooks()->hooks()[of_host.front()];
}

/// What the requests to a host have to be read for, if this way in hides them: its hooks, or a
/// rule that looks at requests.
const placed_text* hidden_from(const rules& in_force, const target& what,
                               const onlookers& seen_by) {
  if (seen_by.hooks) {
    bool read =
      what.protocol == protocol::https_connect ? in_force.mitm : what.protocol == protocol::https;
    return read ? nullptr : &first_hook(in_force, *seen_by.hooks).where;
  }
  return is_tunnel(what.protocol) && !in_force.mitm ? seen_by.rule.place : nullptr;
}

std::optional<denial> note_mode(std::pair<reason, std::string_view> verdict, const notes& note) {
  note.add("method", [&] { return std::string{verdict.second}; });
  if (verdict.first == reason::allow)
    return std::nullopt;
  return refuse_by_mode(verdict.first);
}

/// Whether an address is what a literal or localhost name stands for, so that listing the name
/// lists it.
bool stands_for(const host& h, const ip_address& address) {
  return h.ip() ? *h.ip() == address : h.is_localhost() && classify(address) == ip_class::loopback;
}

} // namespace

std::string matches(const placed_text& pattern) {
  auto out = "matches " + pattern.text;
  if (!pattern.file.empty())
    out +=
      " (" + pattern.file + (pattern.line != 0 ? ':' + std::to_string(pattern.line) : "") + ')';
  return out;
}

denial refuse(reason why, const placed_text* decided_by) {
  return {why, source::baseline_policy, decision::deny, decided_by, {}, true};
}

denial refuse_by_mode(reason why, const placed_text* decided_by) {
  return {why, source::mode_guard, decision::deny, decided_by, {}, false};
}

ip_address loopback_v4() { return ip_address::v4(0x7F000001); }

ip_address loopback_v6() {
  std::array<uint8_t, 16> bytes{};
  bytes.back() = 1;
  return ip_address::v6(bytes);
}

bool reaches_own_listener(const rules& in_force, const ip_address& to, uint16_t port) {
  auto carried = embedded_v4(to);
  return is_own_address(in_force, to, port) ||
         (carried && is_own_address(in_force, *carried, port));
}

std::optional<denial> judge_address(const rules& in_force, const target& what,
                                    const ip_address& address, const rule_facts& facts,
                                    const notes& note) {
  auto refused = [&](reason why, const placed_text* decided_by, std::string_view words) {
    note.add("addresses", [&] {
      return address.str() + ": " + std::string{words} +
             (decided_by ? ", " + matches(*decided_by) : "");
    });
    auto no = refuse(why, decided_by);
    no.address = address;
    return no;
  };
  if (reaches_own_listener(in_force, address, what.port))
    return refused(reason::not_allowed_local, nullptr, "the proxy's own listener");
  if (auto by = in_force.table->find_denied_address(address, what.port, facts))
    return refused(reason::denied, by.place, "denied");
  auto kind = classify(address);
  auto is_listed = [&] {
    return stands_for(what.host, address) &&
           in_force.table->find_explicit(what.host, what.port, facts);
  };
  if (kind != ip_class::global && !in_force.allow_local_binding && !is_listed())
    return refused(reason::not_allowed_local, nullptr, to_string(kind));
  auto is_listed_literal = [&] {
    auto by = in_force.table->find_literal(address, what.port, facts);
    // Of a name that leads there nobody reads on account of the literal.
    return by && (!by.for_reading || stands_for(what.host, address));
  };
  if (kind == ip_class::metadata && !is_listed_literal())
    return refused(reason::not_allowed_local, nullptr, to_string(kind));
  note.add("addresses", [&] { return address.str() + ": " + std::string{to_string(kind)}; });
  return std::nullopt;
}

std::optional<denial> judge_found_name(const rules& in_force, const target& what,
                                       const host& found_as, const rule_facts& facts,
                                       const notes& note) {
  if (found_as.text().empty())
    return std::nullopt;
  if (auto by = in_force.table->find(action::deny, found_as, what.port, facts)) {
    note.add("search", [&] { return found_as.text() + ": denied, " + matches(*by.place); });
    return refuse(reason::denied, by.place);
  }
  // A short name must not lead round what denies requests to the long one, nor round its hooks.
  if (auto by = in_force.table->find_evaded(found_as, what.host, what.port, facts)) {
    note.add("search", [&] { return found_as.text() + ": is read, to be asked by that name"; });
    return refuse_by_mode(reason::mitm_required, by.place);
  }
  if (!is_hooked(in_force, what.host) && is_hooked(in_force, found_as)) {
    note.add("search", [&] { return found_as.text() + ": has hooks, to be asked by that name"; });
    return refuse_by_mode(reason::mitm_required);
  }
  return std::nullopt;
}

bool is_judged_apart(const rules& in_force, const target& what) noexcept {
  switch (what.protocol) {
    case protocol::socks5_tcp: return !in_force.table->limit();
    case protocol::socks5_udp: return false;
    default: return true;
  }
}

onlookers onlookers_of(const rules& in_force, const target& what) noexcept {
  auto& table = *in_force.table;
  onlookers out;
  if (auto hooks = table.hooks())
    out.hooks = hooks->find(what.host);
  if (table.has_reading())
    out.rule = table.find_reading(what.host, what.port, what.protocol);
  return out;
}

bool must_be_read(const rules& in_force, const onlookers& seen_by) noexcept {
  return in_force.table->limit() || seen_by.hooks || seen_by.rule;
}

bool is_read(const rules& in_force, const target& what, const onlookers& seen_by) noexcept {
  if (what.protocol == protocol::https || what.in_tunnel)
    return true;
  if (!in_force.mitm)
    return false;
  if (what.protocol == protocol::socks5_tcp)
    return in_force.inspect || seen_by.rule;
  return what.protocol == protocol::https_connect &&
         (in_force.inspect || must_be_read(in_force, seen_by));
}

bool is_offered(const rules& in_force, protocol way_in, const notes& note) {
  auto udp = way_in == protocol::socks5_udp;
  const char* missing = nullptr;
  if (!in_force.enabled)
    missing = "no";
  else if ((udp || way_in == protocol::socks5_tcp) && !in_force.socks5)
    missing = "no SOCKS5";
  else if (udp && !in_force.socks5_udp)
    missing = "no UDP over SOCKS5";
  note.add("enabled", [&] { return std::string{missing ? missing : "yes"}; });
  return !missing;
}

denial not_offered() {
  return {reason::proxy_disabled, source::proxy_state, decision::deny, nullptr, {}, false};
}

std::optional<denial> judge_host(const rules& in_force, const target& what, const rule_facts& facts,
                                 const notes& note, rule_match& listing) {
  note.add("host", [&] { return what.host.in_url() + ':' + std::to_string(what.port); });
  if (!is_offered(in_force, what.protocol, note))
    return not_offered();
  auto& table = *in_force.table;
  auto denied = denied_host(table, what, facts);
  note.add("denied_domains", [&] { return matches_or_not(denied); });
  if (denied)
    return refuse(reason::denied, denied.place);

  bool own = is_own_listener(in_force, what.host, what.port);
  note.add("own_listeners",
           [&] { return std::string{own ? "the proxy's own listener" : "no match"}; });
  if (own)
    return refuse(reason::not_allowed_local);

  bool listed_for_reading = false;
  if (local_is_refused(in_force, what, facts, note, listed_for_reading))
    return refuse(reason::not_allowed_local);

  listing = table.find(action::allow, what.host, what.port, facts);
  listing.for_reading = listing.for_reading || listed_for_reading;
  note.add("allowed_domains", [&] { return matches_or_not(listing); });
  if (!listing)
    return refuse(reason::not_allowed);
  return std::nullopt;
}

std::optional<denial> judge_mode(const rules& in_force, const target& what,
                                 const onlookers& seen_by, const notes& note) {
  if (auto from = hidden_from(in_force, what, seen_by)) {
    note.add("hooks", [&] { return matches(*from) + ", whose requests must be read"; });
    auto no = refuse_by_mode(reason::mitm_required, from);
    no.for_hooks = seen_by.hooks != nullptr;
    return no;
  }
  return note_mode(mode_verdict(in_force, what), note);
}

std::optional<denial> judge_hooks(const rules& in_force, const target& to,
                                  const hook_set::numbers& of_host, const judged_request& request,
                                  const char* why_not, const notes& note, hook_match& out) {
  if (to.protocol == protocol::http) {
    // What a hook adds must not travel in the clear.
    auto& hook = first_hook(in_force, of_host);
    note.add("hooks", [&] { return matches(hook.where) + ", and this is plain HTTP"; });
    auto no = refuse_by_mode(reason::mitm_required, &hook.where);
    no.for_hooks = true;
    return no;
  }
  auto match = in_force.table->hooks()->match(of_host, request);
  if (match.outcome == hook_match::kind::none) {
    note.add("hooks", [&] {
      return why_not ? std::string{"no match: "} + why_not
                     : "no hook of " + match.hook->where.text + " matches";
    });
    return refuse(reason::mitm_hook_denied, &match.hook->where);
  }
  note.add("hooks", [&] {
    return "hook " + std::to_string(match.index) + ' ' + matches(match.hook->where);
  });
  out = match;
  return std::nullopt;
}

std::optional<denial> judge_method(const rules& in_force, std::string_view method, bool upgrade,
                                   const notes& note) {
  return note_mode(mode_verdict(in_force.table->limit(), method, upgrade), note);
}

std::optional<denial> judge_way_in(const rules& in_force, protocol way_in, const notes& note) {
  auto limit = in_force.table->limit();
  if (limit && !limit->protocols.fits(way_in))
    return note_mode({reason::method_not_allowed, no_socks5}, note);
  return note_mode({reason::allow, limit ? "limited: requests are judged" : any_method}, note);
}

bool is_hooked(const rules& in_force, const host& h) noexcept {
  auto hooks = in_force.table->hooks();
  return hooks && hooks->has_hooks(h);
}

} // namespace judging

bool is_own_listener(const rules& in_force, const host& h, uint16_t port) {
  using namespace judging;
  if (in_force.own_listeners.empty())
    return false;
  if (h.ip())
    return reaches_own_listener(in_force, *h.ip(), port);
  return h.is_localhost() && (is_own_address(in_force, loopback_v4(), port) ||
                              is_own_address(in_force, loopback_v6(), port));
}

} // namespace proxy::policy
