#pragma once

#include <string>
#include <vector>

#include "policy/placed_text.hpp"
#include "policy/rule.hpp"

namespace proxy::policy {

/// Something legal that is probably not meant.
struct lint_warning {
  placed_text where;
  std::string message;
};

/// Looks over both lists: `*.x` without x; an allowed pattern that takes in a whole public suffix;
/// rules that can never match (denied anyway, or written like an address with wildcards);
/// duplicates. Rules that do not parse are left out: compiling the list reports them.
/// @returns Warnings, those of the allowed list first, each list in its order.
[[nodiscard]] std::vector<lint_warning> lint(const std::vector<placed_text>& allowed,
                                             const std::vector<placed_text>& denied);

/// Finds hooks that are never asked, as nothing lets requests to their hosts through.
/// @param lists  Of which the hosts count. Where one does not compile, nothing is found.
[[nodiscard]] std::vector<lint_warning> lint_hooks(const std::vector<mitm_hook>& hooks,
                                                   plain_lists lists, bool allow_local_binding);

/// Finds patterns of a setting for some hosts that no host can come to: nothing allows one of them,
/// or all are denied.
[[nodiscard]] std::vector<lint_warning> lint_hosts(const std::vector<placed_text>& hosts,
                                                   const std::vector<placed_text>& allowed,
                                                   const std::vector<placed_text>& denied);

} // namespace proxy::policy
