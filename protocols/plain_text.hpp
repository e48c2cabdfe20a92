#pragma once

#include <cstddef>
#include <string_view>

namespace proxy {

/// How many bytes at the front of a text stand for themselves wherever it is quoted: printable
/// ASCII (0x20 to 0x7e) but `"` and `\`. Takes eight bytes at a time.
[[nodiscard]] size_t plain_prefix(std::string_view text) noexcept;

} // namespace proxy
