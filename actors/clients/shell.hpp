#pragma once

#include <string>
#include <string_view>

/// Words as a POSIX shell takes them.

namespace proxy {

/// In single quotes.
[[nodiscard]] std::string shell_quoted(std::string_view text);

/// As it is where a shell leaves it alone, else in single quotes.
[[nodiscard]] std::string shell_word(std::string_view text);

} // namespace proxy
