#include "policy/narrowing.hpp"

#include "policy/containment.hpp"

namespace proxy::policy {

namespace {

/// The rules of `inner` that no rule of `outer` contains. What does not parse is contained in
/// nothing.
std::vector<rule> outside(const std::vector<rule>& inner, const std::vector<rule>& outer) {
  containment index{outer};
  std::vector<rule> out;
  for (auto& r : inner) {
    auto pattern = domain_pattern::parse(r.text);
    if (!pattern || !index.find(*pattern))
      out.push_back(r);
  }
  return out;
}

} // namespace

std::vector<rule> widened_allows(const std::vector<rule>& managed, const std::vector<rule>& user) {
  return outside(user, managed);
}

std::vector<rule> missing_denies(const std::vector<rule>& managed, const std::vector<rule>& user) {
  return outside(managed, user);
}

} // namespace proxy::policy
