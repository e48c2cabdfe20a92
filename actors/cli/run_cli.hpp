#pragma once

#include <string>
#include <vector>

#include "actors/serve/abilities.hpp"

namespace proxy::cli {

/// Parses the arguments (without the program's name) and runs what they ask for. @returns the exit
/// code.
/// @param can  What a proxy serves, where that is not what is usual for the system.
[[nodiscard]] int run_cli(std::vector<std::string> arguments, abilities can = {});

} // namespace proxy::cli
