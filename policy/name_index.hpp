#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/domain_pattern.hpp"

namespace proxy::policy {

class pattern_filter;

/// Patterns about names, filed in one open-addressing table under their name: x for `x`, `*.x` and
/// `**.x`, and what stands behind the last label with a wildcard for a glob. A look-up walks the
/// labels of the host from the right and hashes as it goes, so it costs one pass over the host and
/// one probe per label, and allocates nothing. Part of `pattern_set`.
class name_index {
public:
  static constexpr uint32_t none = UINT32_MAX;

  /// Makes room; call once, before `add`.
  /// @param patterns  How many will be added at most.
  void reserve(size_t patterns);

  /// @pre pattern is no address or network.
  void add(const domain_pattern& pattern, uint32_t rule);

  /// The number of the rule that matches best: exact, then the longest suffix, then the first glob.
  /// @param only  nullptr: all of them count.
  [[nodiscard]] uint32_t find(std::string_view host, uint16_t port,
                              const pattern_filter* only) const noexcept;

  /// The number of the rule that names the host exactly.
  [[nodiscard]] uint32_t find_exact(std::string_view host, uint16_t port,
                                    const pattern_filter* only) const noexcept;

private:
  /// One pattern. Entries of one name are chained in the order of the rules.
  struct entry {
    uint32_t rule;
    uint32_t next = none;
    uint32_t glob = none; ///< Which of `globs_`, for that shape.
    uint16_t port = 0;    ///< 0: every port.
    domain_pattern::kind shape = domain_pattern::kind::exact;
  };
  struct chain {
    uint32_t first = none;
    uint32_t last = none;
  };
  /// A name of the table; free while its chain is empty.
  struct slot {
    uint32_t hash = 0;
    uint32_t start = 0; ///< In `arena_`.
    uint32_t length = 0;
    chain entries;
  };
  struct best {
    uint32_t named = none; ///< By exact name or suffix.
    uint32_t glob = none;
  };

  [[nodiscard]] size_t place_of(std::string_view name, uint64_t hash) const noexcept;
  void append(chain& to, const entry& e);
  void consider(const chain& entries, bool whole, std::string_view host, uint16_t port,
                const pattern_filter* only, best& found) const noexcept;

  std::string arena_; ///< All names, one behind the other.
  std::vector<slot> slots_;
  std::vector<entry> entries_;
  std::vector<std::string> globs_;
  chain loose_; ///< Globs without a literal tail: every look-up tries them.
};

} // namespace proxy::policy
