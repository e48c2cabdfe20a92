#pragma once

#include <vector>

#include "policy/placed_text.hpp"

namespace proxy::policy {

/// Allowed patterns that reach beyond the managed ones: each must lie inside one of them.
/// @returns The offending rules of `user`, in their order; empty when the user's list only narrows.
[[nodiscard]] std::vector<placed_text> widened_allows(const std::vector<placed_text>& managed,
                                                      const std::vector<placed_text>& user);

/// Managed denied patterns that the user's list no longer contains: each must lie inside one of its
/// patterns.
/// @returns The missing rules of `managed`, in their order; empty when the user's list only adds.
[[nodiscard]] std::vector<placed_text> missing_denies(const std::vector<placed_text>& managed,
                                                      const std::vector<placed_text>& user);

} // namespace proxy::policy
