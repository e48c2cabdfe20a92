#include "policy/pattern_set.hpp"

#include "policy/address_index.hpp"
#include "policy/name_index.hpp"

namespace proxy::policy {

struct pattern_set::index {
  name_index names;
  address_index addresses;
};

namespace {

using entry = address_index::entry;

/// Whether an entry says something about a host. What it merely carries allows nothing.
bool in_scope(const entry& e, const host& h) {
  return !e.is_carried && (e.scope.empty() || e.scope == h.scope());
}

bool is_asked_for(const entry& e, const pattern_filter* only) {
  return !only || only->counts(e.rule);
}

} // namespace

pattern_set::pattern_set() : index_(std::make_unique<index>()) {}

pattern_set::~pattern_set() = default;

std::shared_ptr<const pattern_set> pattern_set::compile(std::vector<placed_text> rules,
                                                        std::vector<problem>& problems) {
  auto out = std::shared_ptr<pattern_set>(new pattern_set);
  auto before = problems.size();
  out->index_->names.reserve(rules.size());
  for (size_t i = 0; i < rules.size(); ++i) {
    auto pattern = domain_pattern::parse(rules[i].text);
    if (!pattern) {
      problems.push_back({rules[i], context_of(pattern.error()), static_cast<uint32_t>(i)});
      continue;
    }
    if (pattern->network())
      out->index_->addresses.add(*pattern, static_cast<uint32_t>(i));
    else
      out->index_->names.add(*pattern, static_cast<uint32_t>(i));
  }
  if (problems.size() != before)
    return nullptr;
  out->index_->addresses.sort();
  out->has_networks_ = !out->index_->addresses.empty();
  out->rules_ = std::move(rules);
  return out;
}

const placed_text* pattern_set::rule_of(uint32_t number) const noexcept {
  return number != name_index::none ? &rules_[number] : nullptr;
}

const placed_text* pattern_set::match(const host& h, uint16_t port,
                                      const pattern_filter* only) const noexcept {
  if (!h.ip())
    return rule_of(index_->names.find(h.text(), port, only));
  auto found = index_->addresses.find(
    *h.ip(), port, [&](const entry& e) { return in_scope(e, h) && is_asked_for(e, only); });
  return found ? &rules_[found->rule] : nullptr;
}

const placed_text* pattern_set::match_address(const ip_address& address, uint16_t port,
                                              const pattern_filter* only) const noexcept {
  // A resolved address has no zone, so a pattern with one is about something else.
  auto found = index_->addresses.find(
    address, port, [&](const entry& e) { return e.scope.empty() && is_asked_for(e, only); });
  return found ? &rules_[found->rule] : nullptr;
}

const placed_text* pattern_set::match_explicit(const host& h, uint16_t port,
                                               const pattern_filter* only) const noexcept {
  if (h.ip()) {
    auto found = index_->addresses.find(*h.ip(), port, [&](const entry& e) {
      return (e.is_literal || e.is_local) && in_scope(e, h) && is_asked_for(e, only);
    });
    return found ? &rules_[found->rule] : nullptr;
  }
  auto found = index_->names.find_exact(h.text(), port, only);
  if (found == name_index::none && h.is_localhost())
    found = index_->names.find_exact("localhost", port, only);
  return rule_of(found);
}

const placed_text* pattern_set::match_literal(const ip_address& address, uint16_t port,
                                              const pattern_filter* only) const noexcept {
  auto found = index_->addresses.find(address, port, [&](const entry& e) {
    return e.is_literal && !e.is_carried && e.scope.empty() && is_asked_for(e, only);
  });
  return found ? &rules_[found->rule] : nullptr;
}

} // namespace proxy::policy
