#pragma once

#include <string>
#include <string_view>

namespace proxy {

/// Compresses a whole text (RFC 1952).
/// @returns "" when there is no memory for it.
[[nodiscard]] std::string gzip(std::string_view text);

} // namespace proxy
