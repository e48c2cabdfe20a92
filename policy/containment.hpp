#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "policy/domain_pattern.hpp"
#include "policy/placed_text.hpp"

namespace proxy::policy {

/// Answers which of many patterns contains another one whole (`domain_pattern::is_within`). Names
/// are found by their suffixes, so many patterns cost no more than few; globs and networks are
/// tried one by one.
class containment {
public:
  /// Rules that do not parse are left out: compiling the list reports them.
  explicit containment(const std::vector<placed_text>& outer);

  /// The first rule that contains a pattern; nullptr when none does. Lives as long as this.
  [[nodiscard]] const placed_text* find(const domain_pattern& inner) const;

private:
  struct entry {
    domain_pattern pattern;
    placed_text where;
  };
  std::vector<entry> entries_;
  std::unordered_multimap<std::string, size_t> by_name_;
  std::vector<size_t> others_; ///< Globs and networks.
};

} // namespace proxy::policy
