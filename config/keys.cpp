#include "config/keys.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "config/text.hpp"

namespace proxy::config {

namespace {

using name_map = std::map<std::string, const key*, std::less<>>;

std::string older_name(const key& k) {
  return k.in == scope::policy ? "policy." + std::string{k.name} : std::string{k.name};
}

name_map build_names(table_kind table) {
  name_map result;
  for (const auto& k : keys) {
    if (table == table_kind::network_proxy)
      result.emplace(older_name(k), &k);
    else if (k.in != scope::daemon)
      result.emplace(k.name, &k);
  }
  return result;
}

/// How many mistakes lead from one short word to another: a letter too many, too few, another one,
/// or two neighbours swapped (optimal string alignment).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, above, row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      auto replaced = above[j] + (a[i] == b[j] ? 0 : 1);
      row[j + 1] = std::min({replaced, row[j] + 1, above[j + 1] + 1});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
        row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
  }
  return row.back();
}

} // namespace

const name_map& names_in(table_kind table) {
  static const name_map profile = build_names(table_kind::profile);
  static const name_map network_proxy = build_names(table_kind::network_proxy);
  return table == table_kind::profile ? profile : network_proxy;
}

const key& key_named(std::string_view name) {
  auto found = std::ranges::find(keys, name, &key::name);
  assert(found != keys.end());
  return *found;
}

std::string network_table(std::string_view profile) {
  return profile.empty() ? "network_proxy" : "permissions." + toml_key(profile) + ".network";
}

std::string full_name(const key& k, std::string_view profile) {
  if (profile.empty() || k.in == scope::daemon)
    return "network_proxy." + older_name(k);
  return network_table(profile) + "." + std::string{k.name};
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  // Longer words are no typing mistakes, and comparing them costs.
  if (word.empty() || word.size() > 64)
    return {};
  std::string best;
  auto best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    auto distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

} // namespace proxy::config
