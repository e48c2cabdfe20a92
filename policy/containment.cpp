#include "policy/containment.hpp"

namespace proxy::policy {

containment::containment(const std::vector<placed_text>& outer) {
  for (auto& where : outer) {
    auto pattern = domain_pattern::parse(where.text);
    if (!pattern)
      continue;
    if (pattern->network() || pattern->shape() == domain_pattern::kind::glob)
      others_.push_back(entries_.size());
    else
      by_name_.emplace(pattern->name(), entries_.size());
    entries_.push_back({std::move(*pattern), where});
  }
}

const placed_text* containment::find(const domain_pattern& inner) const {
  auto best = entries_.size();
  auto consider = [&](size_t at) {
    if (at < best && inner.is_within(entries_[at].pattern))
      best = at;
  };
  // What contains a name stands under that name or under a suffix of it.
  if (!inner.network())
    for (std::string_view name = inner.name();;) {
      auto [from, to] = by_name_.equal_range(std::string{name});
      for (; from != to; ++from)
        consider(from->second);
      auto dot = name.find('.');
      if (dot == std::string_view::npos)
        break;
      name.remove_prefix(dot + 1);
    }
  for (auto at : others_)
    consider(at);
  return best < entries_.size() ? &entries_[best].where : nullptr;
}

} // namespace proxy::policy
