#include "policy/lint.hpp"

#include <algorithm>
#include <libpsl.h>
#include <unordered_map>

#include "policy/containment.hpp"
#include "policy/decide.hpp"
#include "policy/ip_class.hpp"

namespace proxy::policy {

namespace {

using shape = domain_pattern::kind;

std::string place(const placed_text& r) {
  if (r.file.empty())
    return "";
  return " (" + r.file + (r.line != 0 ? ':' + std::to_string(r.line) : "") + ')';
}

std::string with_port(std::string name, const domain_pattern& like) {
  return like.port() ? name + ':' + std::to_string(*like.port()) : name;
}

/// `*.x` where x itself is in no pattern of the list: the apex is easily forgotten.
std::string apex_missing(const domain_pattern& pattern, const containment& list) {
  if (pattern.shape() != shape::below)
    return "";
  auto apex = domain_pattern::parse(with_port(pattern.name(), pattern));
  if (!apex || list.find(*apex))
    return "";
  return "matches only what lies below " + pattern.name() + ", not " + pattern.name() +
         " itself; write **." + with_port(pattern.name(), pattern) + " for both";
}

/// A pattern over names of many owners: `*.com`, `*.co.uk`, `api*.github.io`.
std::string public_suffix(const domain_pattern& pattern) {
  auto name = pattern.name();
  if (pattern.shape() == shape::glob) {
    auto dot = name.find('.', name.find_last_of("*?"));
    name = dot == std::string::npos ? "" : name.substr(dot + 1);
    if (name.empty())
      return "its last label is a wildcard, so it matches hosts of many owners";
  } else if (pattern.shape() != shape::below && pattern.shape() != shape::apex_and_below) {
    return "";
  }
  // Without the star rule a name that the list does not know, like `internal`, is no public suffix.
  if (psl_is_public_suffix2(psl_builtin(), name.c_str(), PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 1)
    return "";
  return name + " is a public suffix: this matches hosts of many owners";
}

/// `127.0.0.?`: patterns with wildcards are about names, and a name never looks like this.
std::string address_with_wildcards(const domain_pattern& pattern) {
  if (pattern.shape() != shape::glob ||
      pattern.name().find_first_not_of("0123456789.*?") != std::string::npos)
    return "";
  return "never matches: wildcards do not apply to addresses; use a prefix like 10.0.0.0/8";
}

std::string denied_anyway(const domain_pattern& pattern, const containment& denied) {
  auto by = denied.find(pattern);
  return by ? "never matches: denied by " + by->text + place(*by) : "";
}

/// Prefixes of public space that are shorter than any owner's: addresses of everybody.
constexpr unsigned widest_v4 = 8, widest_v6 = 12;

/// `0.0.0.0/0`, `2000::/3`: nearly always a misunderstanding, in both lists.
std::string most_of_the_net(const domain_pattern& pattern, bool denies) {
  if (pattern.shape() != shape::network)
    return "";
  auto network = *pattern.network();
  if (auto carried = embedded_v4(network))
    network = *carried;
  auto v4 = network.base.is_v4();
  if (is_non_public(network) || network.bits >= (v4 ? widest_v4 : widest_v6))
    return "";
  std::string family = v4 ? "IPv4" : "IPv6";
  auto whole = network.bits == 0 ? "every " + family + " address"
                                 : "a large part of all " + family + " addresses";
  return denies ? "denies " + whole + ", those that names resolve to among them"
                : "allows " + whole + ", but no name; local ones too with allow_local_binding";
}

/// What gives out the credentials of a machine in a cloud.
std::string metadata(const domain_pattern& pattern) {
  if (!pattern.network() || !is_metadata(pattern.network()->base))
    return "";
  const auto& network = *pattern.network();
  if (network.bits != (network.base.is_v4() ? 32 : 128))
    return "";
  auto address = network.base.str();
  if (pattern.shape() == shape::network)
    return "never matches: a metadata address is reached only where it is listed by itself, as " +
           address;
  return address + " is a metadata service of clouds: whoever reaches it can get the credentials "
                   "of this machine";
}

/// Warnings for one list. `denied` is null for the denied list itself.
void look_over(const std::vector<placed_text>& rules, const containment* denied,
               std::vector<lint_warning>& out) {
  containment list{rules};
  std::unordered_map<std::string, const placed_text*> seen;
  for (auto& r : rules) {
    auto pattern = domain_pattern::parse(r.text);
    if (!pattern)
      continue;
    auto warn = [&](std::string message) {
      if (!message.empty())
        out.push_back({r, std::move(message)});
    };
    if (auto [first, is_new] = seen.emplace(pattern->str(), &r); !is_new) {
      warn("the same as " + first->second->text + place(*first->second));
      continue;
    }
    if (auto fault = address_with_wildcards(*pattern); !fault.empty()) {
      warn(std::move(fault));
      continue;
    }
    warn(apex_missing(*pattern, list));
    warn(most_of_the_net(*pattern, denied == nullptr));
    if (denied) {
      warn(metadata(*pattern));
      warn(public_suffix(*pattern));
      warn(denied_anyway(*pattern, *denied));
    }
  }
}

/// The ports that a host may be allowed on: that of HTTPS, and those that patterns name.
std::vector<uint16_t> ports_to_try(const std::vector<placed_text>& allowed) {
  std::vector<uint16_t> out{443};
  for (const auto& r : allowed)
    if (auto pattern = domain_pattern::parse(r.text); pattern && pattern->port())
      out.push_back(*pattern->port());
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/// Why no request to a host gets as far as its hooks, "" when one does.
std::string never_reached(const rules& in_force, const host& h,
                          const std::vector<uint16_t>& ports) {
  std::string why;
  for (auto port : ports) {
    target what;
    what.protocol = protocol::https_connect;
    what.host = h;
    what.port = port;
    what.method = "CONNECT";
    auto no = why_not(in_force, {.to = what});
    if (!no)
      return "";
    if (!why.empty())
      continue;
    if (no->reason == reason::denied)
      why = "it is denied" + (no->rule ? " by " + no->rule->text + place(*no->rule) : "");
    else if (no->reason == reason::not_allowed_local)
      why = "it is local, and neither listed by itself nor is allow_local_binding set";
    else
      why = "nothing in allowed_domains matches it";
  }
  return why;
}

} // namespace

std::vector<lint_warning> lint_hooks(const std::vector<mitm_hook>& hooks, plain_lists lists,
                                     bool allow_local_binding) {
  // Only whether the host is let through is asked here.
  lists.hooks.clear();
  lists.mode = mode::full;
  auto ports = ports_to_try(lists.allowed);
  rules in_force;
  in_force.enabled = true;
  in_force.allow_local_binding = allow_local_binding;
  std::vector<rule_table::problem> told_elsewhere;
  in_force.table = rule_table::compile(rules_from(std::move(lists)), told_elsewhere);
  std::vector<lint_warning> out;
  if (!in_force.table)
    return out;
  for (const auto& hook : hooks)
    if (auto why = never_reached(in_force, hook.host, ports); !why.empty())
      out.push_back({hook.where, "no request ever reaches the hooks of this host: " + why});
  return out;
}

std::vector<lint_warning> lint_hosts(const std::vector<placed_text>& hosts,
                                     const std::vector<placed_text>& allowed,
                                     const std::vector<placed_text>& denied) {
  containment lets_through{allowed}, refuses{denied};
  std::vector<lint_warning> out;
  for (const auto& r : hosts) {
    auto pattern = domain_pattern::parse(r.text);
    if (!pattern)
      continue;
    // Two patterns with wildcards inside labels may meet in ways that are not worked out here.
    auto meets = [&, only = containment{std::vector<placed_text>{r}}](const placed_text& other) {
      auto one = domain_pattern::parse(other.text);
      return one && (one->shape() == shape::glob || only.find(*one));
    };
    if (const auto* by = refuses.find(*pattern))
      out.push_back({r, "no request reaches this host: denied by " + by->text + place(*by)});
    else if (pattern->shape() != shape::glob && !lets_through.find(*pattern) &&
             std::ranges::none_of(allowed, meets))
      out.push_back({r, "no request reaches this host: nothing in allowed_domains matches it"});
  }
  return out;
}

std::vector<lint_warning> lint(const std::vector<placed_text>& allowed,
                               const std::vector<placed_text>& denied) {
  std::vector<lint_warning> out;
  containment refused{denied};
  look_over(allowed, &refused, out);
  look_over(denied, nullptr, out);
  return out;
}

} // namespace proxy::policy
