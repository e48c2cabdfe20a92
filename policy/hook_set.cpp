#include "policy/hook_set.hpp"

#include <algorithm>

#include "policy/ip_class.hpp"
#include "protocols/ascii.hpp"

namespace proxy::policy {

namespace {

/// Under what the hooks of a literal are found. All forms that carry one v4 address lead to it
/// (::ffff:192.0.2.1, NAT64, …): no spelling must lead around its hooks. A zone makes no
/// difference.
ip_address key_of(const ip_address& address) { return embedded_v4(address).value_or(address); }

void keep_last_of_each(std::vector<hook_injection>& all) {
  std::vector<hook_injection> out;
  for (auto& one : all) {
    std::erase_if(out,
                  [&](auto& before) { return ascii::equals_ignoring_case(before.name, one.name); });
    out.push_back(std::move(one));
  }
  all = std::move(out);
}

} // namespace

std::shared_ptr<const hook_set> hook_set::make(std::vector<mitm_hook> hooks) {
  return std::shared_ptr<const hook_set>{new hook_set{std::move(hooks)}};
}

hook_set::hook_set(std::vector<mitm_hook> hooks) : hooks_(std::move(hooks)) {
  for (size_t i = 0; i < hooks_.size(); ++i) {
    keep_last_of_each(hooks_[i].inject_request_headers);
    auto& h = hooks_[i].host;
    auto& filed = h.ip() ? by_address_[key_of(*h.ip())] : by_name_[h.text()];
    filed.push_back(static_cast<uint32_t>(i));
  }
}

const hook_set::numbers* hook_set::find(const host& h) const noexcept {
  if (h.ip()) {
    auto found = by_address_.find(key_of(*h.ip()));
    return found == by_address_.end() ? nullptr : &found->second;
  }
  auto found = by_name_.find(h.text());
  return found == by_name_.end() ? nullptr : &found->second;
}

bool leads_to_same(const host& a, const host& b) {
  if (a.ip() && b.ip())
    return key_of(*a.ip()) == key_of(*b.ip());
  return !a.ip() && !b.ip() && a.text() == b.text();
}

hook_match hook_set::match(const host& h, const judged_request& request) const noexcept {
  auto found = find(h);
  return found ? match(*found, request) : hook_match{};
}

hook_match hook_set::match(const numbers& of_host, const judged_request& request) const noexcept {
  for (auto number : of_host)
    if (admits(hooks_[number], request))
      return {hook_match::kind::matched, number, &hooks_[number]};
  return {hook_match::kind::none, of_host.front(), &hooks_[of_host.front()]};
}

} // namespace proxy::policy
