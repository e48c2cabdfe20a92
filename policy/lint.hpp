#pragma once

#include <string>
#include <vector>

#include "policy/evaluate.hpp"
#include "policy/rule.hpp"

namespace proxy::policy {

/// Something legal that is probably not meant.
struct lint_warning {
  rule where;
  std::string message;
};

/// Looks over both lists: `*.x` without x; an allowed pattern that takes in a whole public suffix;
/// rules that can never match (denied anyway, or written like an address with wildcards);
/// duplicates. Rules that do not parse are left out: compiling the list reports them.
/// @returns Warnings, those of the allowed list first, each list in its order.
[[nodiscard]] std::vector<lint_warning> lint(const std::vector<rule>& allowed,
                                             const std::vector<rule>& denied);

/// Finds hooks that are never asked, as nothing lets requests to their hosts through.
/// @param in_force  Of which the lists and `allow_local_binding` count.
[[nodiscard]] std::vector<lint_warning> lint_hooks(const std::vector<mitm_hook>& hooks,
                                                   rules in_force);

/// Finds patterns of a setting for some hosts that no host can come to: nothing allows one of them,
/// or all are denied.
[[nodiscard]] std::vector<lint_warning> lint_hosts(const std::vector<rule>& hosts,
                                                   const std::vector<rule>& allowed,
                                                   const std::vector<rule>& denied);

} // namespace proxy::policy
