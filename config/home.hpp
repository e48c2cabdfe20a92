#pragma once

#include <functional>
#include <optional>
#include <string>

#include "config/load.hpp"

/// Where the user's files are. A variable that is empty counts as one that is not set: a path made
/// of it would lie in the root of the file system.

namespace proxy::config {

/// Reads a variable; nothing when it is not set.
using environment = std::function<std::optional<std::string>(const std::string&)>;

/// The environment of this process, for programs whose configuration is to follow it: nothing below
/// reads it of itself.
[[nodiscard]] std::optional<std::string> process_environment(const std::string& name);

/// The environment that these sources are read with; an empty one where they name none.
[[nodiscard]] environment environment_of(const sources& from);

/// `$HOME`, else the home directory in the user database, as an absolute path; "" when there is
/// neither.
[[nodiscard]] std::string user_home(const environment& env);

/// `$CODEX_HOME`, else `.codex` in the user's home, as an absolute path; "" when there is neither.
[[nodiscard]] std::string codex_home(const environment& env);

/// The same for these sources, which may name another.
[[nodiscard]] std::string codex_home(const sources& from);

/// Why there is no home, and what to do about it, for people.
inline constexpr const char* no_home =
  "neither CODEX_HOME nor HOME is set, and this user has no home directory; set CODEX_HOME";

/// Whether anything says how the proxy is to be: a file that is there or was asked for, or a flag.
[[nodiscard]] bool has_configuration(const sources& from);

} // namespace proxy::config
