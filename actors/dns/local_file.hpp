#pragma once

#include <cstddef>
#include <string>

namespace proxy {

/// Longest file that is read on a loop.
inline constexpr size_t max_local_file = 4 * 1024 * 1024;

/// Reads a small file of the system. Does not hang on what is no regular file.
/// @param text  Its content; "" when it is not there or cannot be used.
/// @returns what is wrong with it, "" for nothing: that there is none is nothing.
[[nodiscard]] std::string read_local_file(const std::string& path, std::string& text);

} // namespace proxy
