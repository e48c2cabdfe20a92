#pragma once

#include <chrono>
#include <string>
#include <vector>

/// Programs that are asked for something.

namespace proxy {

/// Strings as execve(2) takes them: pointers into these, which stay where they are, and a null one.
[[nodiscard]] std::vector<char*> exec_words(const std::vector<std::string>& strings);

/// Runs a program without input, in the environment given, and ends it after `most`. Blocks.
/// @param arguments  The program first; looked up in PATH of this process.
/// @param output  Gets the first 64 KiB of what it prints; nullptr: that is for nobody.
/// @returns its exit code, or 128 + the signal that ended it; -1 when it could not be started or
///          had to be ended.
[[nodiscard]] int run_quietly(const std::vector<std::string>& arguments,
                              const std::vector<std::string>& environment,
                              std::chrono::milliseconds most, std::string* output = nullptr);

} // namespace proxy
