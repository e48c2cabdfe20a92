#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/proxy_config.hpp"
#include "policy/reason.hpp"

namespace proxy::config {

/// One thing wrong (or doubtful) in the configuration.
struct problem {
  enum class severity : uint8_t { warning, error };
  severity level = severity::error;
  std::string
    file; ///< The flag itself ("--set") for flags; "" for the environment and run-time changes.
  uint32_t line = 0; ///< 1-based, 0 unknown.
  uint32_t column = 0;
  std::string key; ///< Dotted, as the user would write it.
  std::string message;
  std::string hint; ///< "did you mean …", "" for none.

  /// `file:line:column: error: key: message (hint)`
  [[nodiscard]] std::string str() const;
};

/// Which secrets a load fetches. One that is missing is an error.
enum class secrets_wanted : uint8_t {
  all,
  logins, ///< Passwords of `socks_users` alone, and those may be missing: for a client of the
          ///< daemon.
  none,   ///< To look at a configuration where its secrets are not: values stay empty.
};

/// What a mode that the files do not say comes to where the managed layer allows no such thing.
enum class mode_override : uint8_t {
  must_hold, ///< The load fails: somebody asks for it now.
  may_yield, ///< It is dropped with a warning: it was set once, and the managed layer is newer.
};

/// Most patterns that can be added at run time, to both lists together.
inline constexpr size_t max_added_patterns = 1000;

/// Where configuration comes from.
struct sources {
  std::string managed_file = "/etc/codex/config.toml";
  std::string codex_home;                ///< "" takes `$CODEX_HOME`, then `~/.codex`.
  std::vector<std::string> files;        ///< `--config`: replace the user layer, later wins.
  std::vector<std::string> documents;    ///< Texts of such files, which count after them.
  std::vector<std::string> sets;         ///< `--set KEY=TOML`, later wins.
  std::optional<std::string> log_level;  ///< `--log-level`
  std::optional<std::string> log_format; ///< `--log-format`
  std::optional<policy::mode>
    mode; ///< A mode switched at run time: above all layers, still within managed constraints.
  mode_override mode_as = mode_override::must_hold;
  /// Added at run time before: what the managed layer allows no more is dropped with a warning.
  added_patterns added;
  /// To be added now; the load fails where one is no pattern, not within managed constraints, or
  /// one too many. It takes an equal one of `added` off the other list.
  added_patterns adds;
  /// Reads the environment (`process_environment` reads that of the process); unset: it is empty.
  std::function<std::optional<std::string>(const std::string&)> getenv;
  secrets_wanted secrets = secrets_wanted::all;
  /// Takes the place of all `socks_users`, where there are any.
  std::optional<socks_user> instead_of_users;
  bool made_environment = false; ///< As in `proxy_config`.
  bool somebody_decides = false; ///< The same.
  /// Called before a secret is fetched, at every load that fetches one: the process makes itself
  /// unreadable for others.
  std::function<void()> before_secrets;
};

/// The outcome of loading: a configuration when no problem is an error.
struct loaded {
  std::optional<proxy_config> config;
  std::vector<problem> problems; ///< Errors and warnings, in file order.
};

/// Reads, merges, checks and clamps all layers. Touches only the files named in `from`, and the
/// `admin_token_file` and `secret_file`s they name. Never throws but for lack of memory.
/// `check_patterns` asks for the extra warnings of `check` (`*.x` without x, public suffixes, rules
/// that can never match, duplicates).
[[nodiscard]] loaded load(const sources& from, bool check_patterns = false);

/// The effective configuration as JSON (GET /config); secrets are "<redacted>".
[[nodiscard]] std::string to_json(const proxy_config& config);

/// Gives what can change at a start alone the values that run.
/// @returns the names of the keys whose new values wait for a restart, as users write them.
[[nodiscard]] std::vector<std::string> keep_until_restart(const proxy_config& running,
                                                          proxy_config& next);

/// Names of the keys whose values differ, as users write them: the `changed` list of a reload.
[[nodiscard]] std::vector<std::string> changed_keys(const proxy_config& before,
                                                    const proxy_config& after);

/// Every key with its type, default and meaning, for `--help`.
[[nodiscard]] std::string describe_keys();

/// config/proxy.toml: every key at its default with its meaning.
[[nodiscard]] std::string reference_config();

/// The commented starter configuration that `init --write-config` writes.
[[nodiscard]] std::string_view starter_config() noexcept;

} // namespace proxy::config
