#pragma once

#include <caf/expected.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "policy/domain_pattern.hpp"
#include "policy/placed_text.hpp"
#include "protocols/host.hpp"

namespace proxy::policy {

/// Says which patterns of a set count for a look-up. Asked for those alone that fit the host.
class pattern_filter {
public:
  [[nodiscard]] virtual bool counts(uint32_t number) const noexcept = 0;

protected:
  ~pattern_filter() = default;
};

/// Many patterns, indexed: a look-up costs O(labels of the host), not O(patterns); only label globs
/// scan. Immutable after compile; shared between threads by pointer.
class pattern_set {
public:
  /// A pattern that does not compile.
  struct problem {
    placed_text where;
    std::string reason;
    uint32_t number; ///< Of the rule.
  };

  /// Compiles all rules, or returns nullptr and appends every problem.
  [[nodiscard]] static std::shared_ptr<const pattern_set> compile(std::vector<placed_text> rules,
                                                                  std::vector<problem>& problems);

  ~pattern_set();

  /// The first rule (by specificity: exact, address, `*.`/`**.` longest suffix, CIDR longest
  /// prefix, glob) that matches; nullptr when none does. The pointer lives as long as the set.
  /// @param only  nullptr: all of them count. So below.
  [[nodiscard]] const placed_text* match(const host& h, uint16_t port,
                                         const pattern_filter* only = nullptr) const noexcept;

  /// Only IP literals and CIDRs, against a resolved address; those in v6 also against the v4
  /// address that they carry, as it leads to the same place. For what is denied.
  [[nodiscard]] const placed_text*
  match_address(const ip_address& address, uint16_t port,
                const pattern_filter* only = nullptr) const noexcept;

  /// Only what lists a local host explicitly (SPEC order, step 5): its exact literal or name, or a
  /// CIDR that itself lies wholly inside non-public space.
  [[nodiscard]] const placed_text*
  match_explicit(const host& h, uint16_t port, const pattern_filter* only = nullptr) const noexcept;

  /// Only an exact IP literal (what unlocks link-local metadata addresses).
  [[nodiscard]] const placed_text*
  match_literal(const ip_address& address, uint16_t port,
                const pattern_filter* only = nullptr) const noexcept;

  [[nodiscard]] bool empty() const noexcept { return rules_.empty(); }
  /// True when an address or CIDR pattern is present, so resolved addresses must be compared.
  [[nodiscard]] bool has_networks() const noexcept { return has_networks_; }
  [[nodiscard]] const std::vector<placed_text>& rules() const noexcept { return rules_; }

private:
  pattern_set();
  struct index;
  [[nodiscard]] const placed_text* rule_of(uint32_t number) const noexcept;
  std::vector<placed_text> rules_;
  bool has_networks_ = false;
  std::unique_ptr<index> index_;
};

using pattern_set_ptr = std::shared_ptr<const pattern_set>;

} // namespace proxy::policy
