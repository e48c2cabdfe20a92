#include "policy/hook_set.hpp"

#include <algorithm>

#include "policy/ip_class.hpp"
#include "protocols/ascii.hpp"

namespace proxy::policy {

namespace {

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
    by_host_[hooks_[i].host.text()].push_back(static_cast<uint32_t>(i));
  }
}

const hook_set::numbers* hook_set::find(const host& h) const noexcept {
  auto found = by_host_.find(h.text());
  // ::ffff:192.0.2.1 leads to 192.0.2.1 as well: another spelling must not lead around its hooks.
  if (found == by_host_.end() && h.ip())
    if (auto carried = embedded_v4(*h.ip()))
      found = by_host_.find(carried->str());
  return found == by_host_.end() ? nullptr : &found->second;
}

hook_match hook_set::match(const host& h, const hook_request& request) const noexcept {
  auto found = find(h);
  if (!found)
    return {};
  for (auto number : *found)
    if (admits(hooks_[number], request))
      return {hook_match::kind::matched, number, &hooks_[number]};
  return {hook_match::kind::none, found->front(), &hooks_[found->front()]};
}

} // namespace proxy::policy
