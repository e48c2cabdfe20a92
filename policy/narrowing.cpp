#include "policy/narrowing.hpp"

#include "policy/containment.hpp"

namespace proxy::policy {

namespace {

/// The rules of `inner` that no rule of `outer` contains. What does not parse is contained in
/// nothing.
std::vector<placed_text> outside(const std::vector<placed_text>& inner,
                                 const std::vector<placed_text>& outer) {
  containment index{outer};
  std::vector<placed_text> out;
  for (auto& r : inner) {
    auto pattern = domain_pattern::parse(r.text);
    if (!pattern || !index.find(*pattern))
      out.push_back(r);
  }
  return out;
}

} // namespace

std::vector<placed_text> widened_allows(const std::vector<placed_text>& managed,
                                        const std::vector<placed_text>& user) {
  return outside(user, managed);
}

std::vector<placed_text> missing_denies(const std::vector<placed_text>& managed,
                                        const std::vector<placed_text>& user) {
  return outside(managed, user);
}

} // namespace proxy::policy
