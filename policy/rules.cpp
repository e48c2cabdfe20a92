#include "policy/rules.hpp"

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
  // With a rule it is that, or a hook, that has to see the requests; without one the mode.
  if (d.reason != reason::mitm_required || !d.rule)
    return refusal_of(d.reason).text;
  if (!d.for_hooks)
    return "Rules look at the requests to this host: it is reached only where they can be read.";
  return what.protocol == protocol::http
           ? "This host has MITM hooks: it is not reached over plain HTTP, use HTTPS."
           : "This host has MITM hooks: it is reached only where its requests can be read.";
}

bool is_read(const rules& in_force, const target& what) noexcept {
  return judging::is_read(in_force, what, onlookers_of(in_force, what));
}

std::vector<ip_address> known_addresses(const host& h) {
  if (h.ip())
    return {*h.ip()};
  if (h.is_localhost())
    return {loopback_v4(), loopback_v6()};
  return {};
}

} // namespace proxy::policy
