#include "policy/address_index.hpp"

#include <tuple>

namespace proxy::policy {

void address_index::add(const domain_pattern& pattern, uint32_t rule) {
  entries_.push_back({*pattern.network(), rule, pattern.port().value_or(0),
                      pattern.shape() == domain_pattern::kind::address,
                      is_non_public(*pattern.network()), pattern.scope(), false});
  if (auto carried = embedded_v4(*pattern.network())) {
    auto made = entries_.back();
    made.network = *carried;
    made.is_carried = true;
    entries_.push_back(std::move(made));
  }
}

void address_index::sort() {
  auto key = [](const entry& e) {
    return std::tuple{e.network.base.is_v4(), 128 - e.network.bits, e.network.base};
  };
  // Stable: of two entries for one prefix the first rule wins.
  std::stable_sort(entries_.begin(), entries_.end(),
                   [&](const entry& a, const entry& b) { return key(a) < key(b); });
  for (size_t i = 0; i < entries_.size(); ++i) {
    auto& network = entries_[i].network;
    auto& groups = network.base.is_v4() ? v4_ : v6_;
    auto at = static_cast<std::ptrdiff_t>(i);
    if (groups.empty() || groups.back().bits != network.bits)
      groups.push_back({network.bits, at, at});
    groups.back().end = at + 1;
  }
}

} // namespace proxy::policy
