#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace proxy::policy {

/// What stands for the file of a pattern that was added at run time.
inline constexpr std::string_view added_at_run_time = "added at run time";

/// A text of the configuration, one pattern as a rule, and where it stands: what `explain`,
/// refusals and audit name.
struct placed_text {
  std::string text; ///< As written, trimmed.
  std::string
    file; ///< "" when it does not come from a file ("--set", an API call: named here instead).
  uint32_t line = 0; ///< 1-based; 0 when unknown.
  uint32_t column = 0;
};

} // namespace proxy::policy
