#pragma once

#include <map>
#include <string>
#include <vector>

#include "actors/clients/hidden_variables.hpp"

/// What this process has that its children get, or must not see.

namespace proxy::cli {

/// The variables of this process. Of several with one name the first, which is what getenv(3)
/// finds; what has no name is left out.
[[nodiscard]] std::map<std::string, std::string> own_variables();

/// Variables as execve(2) takes them: `name=value`.
[[nodiscard]] std::vector<std::string>
lines_of(const std::map<std::string, std::string>& variables);

/// Overwrites the values of hidden variables in this process's own environment, where others could
/// read them (`/proc/PID/environ`): unsetting them would leave them there.
void wipe_environment(const hidden_variables& hidden) noexcept;

/// Where this program is; "" when that is not to be found out.
[[nodiscard]] std::string own_program();

} // namespace proxy::cli
