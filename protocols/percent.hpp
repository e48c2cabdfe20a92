#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace proxy {

/// Decodes %XX (RFC 3986 §2.1).
/// @returns nullopt on a broken escape, or a control character, which no header may carry.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

} // namespace proxy
