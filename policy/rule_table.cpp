#include "policy/rule_table.hpp"

#include <algorithm>

#include "policy/ip_class.hpp"

namespace proxy::policy {

namespace {

constexpr std::array host_actions{action::deny, action::allow, action::ask};

bool is_host_action(action act) noexcept {
  return std::ranges::find(host_actions, act) != host_actions.end();
}

bool asks_for_host_alone(const rule& r) noexcept {
  return r.who.empty() && r.ports.empty() && !r.until && !r.request &&
         r.protocols.fits(protocol::http) && r.protocols.fits(protocol::https) &&
         r.protocols.fits(protocol::https_connect) && r.protocols.fits(protocol::socks5_tcp) &&
         r.protocols.fits(protocol::socks5_udp);
}

/// Whether a rule holds at this moment. One that refuses holds where the moment is not known.
bool is_in_time(const rule& r, const rule_facts& facts) noexcept {
  if (!r.until)
    return true;
  return facts.now ? *facts.now < *r.until : r.act == action::deny;
}

template <class List, class Value>
bool empty_or_has(const List& list, const Value& value) noexcept {
  return list.empty() || std::ranges::find(list, value) != list.end();
}

/// A problem of a rule as a whole, "" for none.
std::string_view fault_of(const rule& r) noexcept {
  if (std::ranges::find(r.who, std::string{}) != r.who.end())
    return "a client without a name";
  if (std::ranges::find(r.ports, 0) != r.ports.end())
    return "there is no port 0";
  switch (r.act) {
    case action::inject:
      if (!r.hook)
        return "a hook that does nothing";
      return r.hook->methods.empty() || r.hook->path_prefixes.empty()
               ? "a hook has to name methods and paths"
               : "";
    case action::limit: return r.request ? "" : "a mode without limits";
    default: return r.hosts.empty() ? "names no host" : "";
  }
}

/// Whether what a name resolves to cannot be judged by a rule: it speaks of requests, which are not
/// seen then, or not of the tunnels that they come through.
bool looks_beyond_addresses(const rule& r) noexcept {
  auto& p = r.protocols;
  auto names_requests = p.names(protocol::http) || p.names(protocol::https);
  return r.request ||
         (names_requests && !(p.names(protocol::https_connect) && p.names(protocol::socks5_tcp)));
}

} // namespace

/// Counts the patterns of the rules that fit.
class rule_table::fitting final : public pattern_filter {
public:
  fitting(const rule_table& all, const part& of, uint16_t port, const rule_facts& facts, fit least)
    : all_(all), of_(of), port_(port), facts_(facts), least_(least) {}

  [[nodiscard]] bool counts(uint32_t number) const noexcept override {
    return counts_rule(of_.owners[number]);
  }
  [[nodiscard]] bool counts_rule(uint32_t number) const noexcept {
    if (facts_.visits)
      ++*facts_.visits;
    return fits(all_.rules_[number], port_, facts_) >= least_;
  }

private:
  const rule_table& all_;
  const part& of_;
  uint16_t port_;
  const rule_facts& facts_;
  fit least_;
};

std::shared_ptr<const rule_table> rule_table::compile(std::vector<rule> rules,
                                                      std::vector<problem>& problems) {
  auto before = problems.size();
  for (auto& r : rules)
    if (auto why = fault_of(r); !why.empty())
      problems.push_back({r.id, r.where, std::string{why}});
  auto out = std::shared_ptr<rule_table>(new rule_table);
  out->rules_ = std::move(rules);
  if (!out->add_hosts(problems) || problems.size() != before)
    return nullptr;
  out->add_hooks();
  out->note_features();
  return out;
}

bool rule_table::add_hosts(std::vector<problem>& problems) {
  auto before = problems.size();
  for (auto act : host_actions) {
    auto& p = parts_[static_cast<size_t>(act)];
    std::vector<placed_text> patterns;
    for (uint32_t i = 0; i < rules_.size(); ++i) {
      auto& r = rules_[i];
      if (r.act != act)
        continue;
      p.plain = p.plain && asks_for_host_alone(r);
      if (patterns.empty() &&
          std::ranges::none_of(r.hosts, [](auto& h) { return h.text == "*"; })) {
        patterns = std::move(r.hosts); // the usual case: one long list
        p.owners.assign(patterns.size(), i);
        continue;
      }
      for (auto& pattern : r.hosts) {
        if (pattern.text == "*" && act != action::allow) {
          p.anywhere.push_back({i, std::move(pattern)});
        } else {
          patterns.push_back(std::move(pattern));
          p.owners.push_back(i);
        }
      }
      r.hosts.clear();
    }
    // What a name resolves to is judged before its requests are.
    if (act == action::deny)
      for (size_t i = 0; i < patterns.size() && !p.plain; ++i)
        if (auto parsed = domain_pattern::parse(patterns[i].text);
            parsed && parsed->network() && looks_beyond_addresses(rules_[p.owners[i]]))
          problems.push_back({rules_[p.owners[i]].id, patterns[i],
                              "a rule that denies by address cannot look at requests, nor be for "
                              "them without the tunnels that carry them"});
    std::vector<pattern_set::problem> bad;
    p.patterns = pattern_set::compile(std::move(patterns), bad);
    for (auto& one : bad)
      problems.push_back({rules_[p.owners[one.number]].id, std::move(one.where), one.reason});
    p.empty = p.owners.empty() && p.anywhere.empty();
  }
  return problems.size() == before;
}

void rule_table::add_hooks() {
  std::vector<mitm_hook> hooks;
  for (auto& r : rules_)
    if (r.act == action::inject)
      hooks.push_back(*r.hook);
  if (hooks.empty())
    return;
  hooks_ = hook_set::make(std::move(hooks));
  size_t number = 0;
  for (auto& r : rules_)
    if (r.act == action::inject) { // one copy of each
      r.hook = {hooks_, &hooks_->hooks()[number++]};
      r.request = r.hook;
    }
}

void rule_table::note_features() {
  plain_ = std::ranges::all_of(parts_, &part::plain);
  for (uint32_t i = 0; i < rules_.size(); ++i) {
    auto& r = rules_[i];
    has_[static_cast<size_t>(r.act)] = true;
    has_ends_ = has_ends_ || r.until;
    looks_at_fields_ = looks_at_fields_ || (r.request && r.request->looks_at_fields());
    has_reading_ = has_reading_ || (is_host_action(r.act) &&
                                    (r.request || r.looks_at_requests(protocol::https_connect) ||
                                     r.looks_at_requests(protocol::socks5_tcp)));
    if (r.act == action::limit && limit_ == none)
      limit_ = i;
  }
}

/// At a tunnel the request is unknown: what speaks of requests refuses nothing yet, and lets
/// through only to be read. What speaks of tunnels does not fit one that is read.
rule_table::fit rule_table::fits(const rule& r, uint16_t port, const rule_facts& facts) noexcept {
  if (!empty_or_has(r.ports, port) || !is_in_time(r, facts) || !empty_or_has(r.who, facts.client))
    return fit::no;
  auto lets_through = r.act == action::allow;
  if (is_tunnel(facts.protocol)) {
    auto itself = !r.request && r.protocols.fits(facts.protocol) &&
                  !(facts.read && r.protocols.names(protocol::https_connect) &&
                    facts.protocol == protocol::https_connect);
    if (itself)
      return fit::yes;
    // Somebody may as well be asked at once about all that comes through.
    if (r.act == action::ask && !r.request && facts.read && r.protocols.fits(protocol::https))
      return fit::yes;
    return lets_through && facts.judged_elsewhere && r.protocols.fits(protocol::https)
             ? fit::for_reading
             : fit::no;
  }
  if (!r.protocols.fits(facts.protocol))
    return fit::no;
  if (!r.request)
    return fit::yes;
  if (!facts.request) // a datagram never has any
    return lets_through && facts.judged_elsewhere && facts.protocol != protocol::socks5_udp
             ? fit::for_reading
             : fit::no;
  auto within =
    lets_through ? admits(*r.request, *facts.request) : may_fit(*r.request, *facts.request);
  return within ? fit::yes : fit::no;
}

rule_match rule_table::match_of(uint32_t number, const placed_text& pattern) const noexcept {
  auto& owner = rules_[number];
  return {&owner, owner.where.text.empty() ? &pattern : &owner.where, false};
}

rule_match rule_table::match_of(const part& of, const placed_text* pattern) const noexcept {
  if (!pattern)
    return {};
  return match_of(of.owners[static_cast<size_t>(pattern - of.patterns->rules().data())], *pattern);
}

/// @param look_up  Takes a filter of patterns (nullptr: all count) and returns the one that fits.
template <class LookUp>
rule_match rule_table::search(action act, uint16_t port, const rule_facts& facts, bool anywhere,
                              LookUp look_up) const noexcept {
  auto& p = part_of(act);
  if (p.empty)
    return {};
  if (p.plain && p.anywhere.empty() && !facts.visits)
    return match_of(p, look_up(*p.patterns, nullptr));
  for (auto least : {fit::yes, fit::for_reading}) {
    if (least == fit::for_reading && act != action::allow)
      break;
    fitting only{*this, p, port, facts, least};
    if (auto found = match_of(p, look_up(*p.patterns, &only))) {
      found.for_reading = least == fit::for_reading;
      return found;
    }
    if (anywhere)
      for (auto& one : p.anywhere)
        if (only.counts_rule(one.number))
          return match_of(one.number, one.pattern);
  }
  return {};
}

rule_match rule_table::find(action act, const host& h, uint16_t port,
                            const rule_facts& facts) const noexcept {
  return search(act, port, facts, true, [&](auto& patterns, const pattern_filter* only) {
    return patterns.match(h, port, only);
  });
}

rule_match rule_table::find_denied_address(const ip_address& address, uint16_t port,
                                           const rule_facts& facts) const noexcept {
  if (!part_of(action::deny).patterns->has_networks())
    return {};
  auto carried = embedded_v4(address);
  return search(action::deny, port, facts, false, [&](auto& patterns, const pattern_filter* only) {
    auto found = patterns.match_address(address, port, only);
    return found || !carried ? found : patterns.match_address(*carried, port, only);
  });
}

rule_match rule_table::find_explicit(const host& h, uint16_t port,
                                     const rule_facts& facts) const noexcept {
  return search(action::allow, port, facts, false, [&](auto& patterns, const pattern_filter* only) {
    return patterns.match_explicit(h, port, only);
  });
}

rule_match rule_table::find_literal(const ip_address& address, uint16_t port,
                                    const rule_facts& facts) const noexcept {
  return search(action::allow, port, facts, false, [&](auto& patterns, const pattern_filter* only) {
    return patterns.match_literal(address, port, only);
  });
}

namespace {

/// Counts the patterns of the rules that pass a test.
template <class Test>
struct tested final : pattern_filter {
  tested(const std::vector<uint32_t>& owners, const Test& test) : owners_(owners), test_(test) {}
  [[nodiscard]] bool counts(uint32_t number) const noexcept override {
    return test_(owners_[number]);
  }
  const std::vector<uint32_t>& owners_;
  const Test& test_;
};

} // namespace

rule_match rule_table::find_reading(const host& h, uint16_t port,
                                    protocol asked_by) const noexcept {
  if (!has_reading_)
    return {};
  auto reads = [&](uint32_t number) {
    auto& r = rules_[number];
    return r.looks_at_requests(asked_by) && empty_or_has(r.ports, port);
  };
  for (auto act : host_actions) {
    auto& p = part_of(act);
    tested only{p.owners, reads};
    auto found = p.patterns->match(h, port, &only);
    if (!found && act == action::allow) // what lists `localhost` lists the names below
      found = p.patterns->match_explicit(h, port, &only);
    if (found)
      return match_of(p, found);
    for (auto& one : p.anywhere)
      if (reads(one.number))
        return match_of(one.number, one.pattern);
  }
  return {};
}

bool rule_table::names(const part& of, uint32_t number, const host& h,
                       uint16_t port) const noexcept {
  auto is_it = [&](uint32_t other) { return other == number; };
  tested only{of.owners, is_it};
  return of.patterns->match(h, port, &only) != nullptr;
}

rule_match rule_table::find_evaded(const host& h, const host& asked_for, uint16_t port,
                                   const rule_facts& facts) const noexcept {
  if (!has_reading_)
    return {};
  auto& p = part_of(action::deny);
  auto is_evaded = [&](uint32_t number) {
    auto& r = rules_[number];
    return r.looks_at_requests(facts.protocol) && empty_or_has(r.ports, port) &&
           is_in_time(r, facts) && empty_or_has(r.who, facts.client) &&
           !names(p, number, asked_for, port);
  };
  tested only{p.owners, is_evaded};
  return match_of(p, p.patterns->match(h, port, &only));
}

} // namespace proxy::policy
