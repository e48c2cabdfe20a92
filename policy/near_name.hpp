#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/placed_text.hpp"
#include "protocols/host.hpp"

namespace proxy::policy {

/// A listed pattern that nearly matches.
struct near_name {
  enum class kind : uint8_t {
    none,
    typo,        ///< Its name differs by a slip or two: `meant` is what was perhaps meant.
    other_port,  ///< It has a port, and another one is asked for.
    only_below,  ///< `*.x`, and x is asked for.
    only_itself, ///< x, and a name below is asked for.
  };
  kind how = kind::none;
  std::string meant; ///< For `typo`.
  placed_text by;
};

/// The names of a list, to find those that a misspelt or half covered name comes close to.
class near_names {
public:
  /// More of them are not compared: a refusal must not cost what a list costs.
  static constexpr size_t most = 4096;

  explicit near_names(const std::vector<placed_text>& rules);

  /// The nearest of the list to a name that nothing in it matches. Costs a few instructions for
  /// each entry and a comparison for the few that are alike.
  [[nodiscard]] near_name find(const host& asked, uint16_t port) const;

private:
  struct entry {
    std::string name; ///< x of `x`, `*.x`, `**.x`.
    uint64_t letters; ///< Which bytes occur in it: two names with few in common are not compared.
    uint32_t rule;
    uint16_t port; ///< 0: any.
    uint8_t labels;
    bool itself; ///< Covers x.
    bool below;  ///< Covers what lies below x.
  };
  std::vector<entry> entries_;
  std::vector<placed_text> rules_; ///< Of the entries.
};

/// Slips between two short words: letters left out, added, replaced, or two neighbours swapped.
/// @returns `most + 1` for more than `most`.
[[nodiscard]] size_t slips_between(std::string_view a, std::string_view b, size_t most);

} // namespace proxy::policy
