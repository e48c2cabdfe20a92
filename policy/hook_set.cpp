#include "policy/hook_set.hpp"

#include <algorithm>

#include "policy/ip_class.hpp"
#include "protocols/ascii.hpp"

namespace proxy::policy {

namespace {

/// Under what the hooks of a host are found. All forms that carry one v4 address lead to it
/// (::ffff:192.0.2.1, NAT64, …): no spelling must lead around its hooks. A zone makes no
/// difference.
std::string key_of(const host& h) {
  if (!h.ip())
    return h.text();
  return embedded_v4(*h.ip()).value_or(*h.ip()).str();
}

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
    by_host_[key_of(hooks_[i].host)].push_back(static_cast<uint32_t>(i));
  }
}

const hook_set::numbers* hook_set::find(const host& h) const noexcept {
  auto found = h.ip() ? by_host_.find(key_of(h)) : by_host_.find(h.text());
  return found == by_host_.end() ? nullptr : &found->second;
}

bool leads_to_same(const host& a, const host& b) { return key_of(a) == key_of(b); }

hook_match hook_set::match(const host& h, const judged_request& request) const noexcept {
  auto found = find(h);
  if (!found)
    return {};
  for (auto number : *found)
    if (admits(hooks_[number], request))
      return {hook_match::kind::matched, number, &hooks_[number]};
  return {hook_match::kind::none, found->front(), &hooks_[found->front()]};
}

} // namespace proxy::policy
