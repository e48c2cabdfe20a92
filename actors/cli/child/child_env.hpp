#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/cli/child/client_files.hpp"
#include "config/proxy_config.hpp"

extern "C" char** environ; // POSIX leaves it to programs to declare it

namespace proxy::cli {

/// One environment variable.
struct variable {
  std::string name;
  std::string value;
  friend bool operator==(const variable&, const variable&) = default;
};

/// The variables that make clients use a proxy, and with `mitm` trust what it shows them.
/// @param proxy_url  `http://[user:password@]127.0.0.1:3128`
/// @param env        What the client's environment would be without us: some of it is gone on with.
[[nodiscard]] std::vector<variable> child_variables(const std::string& proxy_url,
                                                    const config::proxy_config& config,
                                                    const client_files& files,
                                                    const config::environment& env);

/// Where clients on this machine reach a listener: a wildcard becomes loopback. nullopt when its
/// port is chosen at start, or it is a unix socket.
[[nodiscard]] std::optional<std::string> url_for_clients(const config::listen_address& listener);

/// The same URL with what a client has to show.
[[nodiscard]] std::string with_login(std::string url, const config::socks_user& user);

/// Whom a client shows to be: the user of this name, or without one the first whose password is
/// known here. nullptr: there is none.
[[nodiscard]] const config::socks_user* choose_user(const config::proxy_config& config,
                                                    std::string_view name);

/// Puts what a client has to show into its URL, where users are set.
/// @param name  As for `choose_user`.
/// @returns what is wrong, "" when nothing is.
[[nodiscard]] std::string log_in(std::string& url, const config::proxy_config& config,
                                 std::string_view name);

/// How a list of variables is written.
enum class env_format : uint8_t { sh, fish, json, dotenv };
[[nodiscard]] std::optional<env_format> env_format_named(std::string_view name) noexcept;
[[nodiscard]] std::string format_variables(std::span<const variable> all, env_format format);

/// What a client must not inherit.
struct hidden_variables {
  std::vector<std::string> names;  ///< Sources of secrets.
  std::vector<std::string> values; ///< Secrets, in whatever variable they stand.

  /// @param line  `name=value`. Also true for proxies with credentials, whatever their name.
  [[nodiscard]] bool contain(std::string_view line) const noexcept;
};

/// What the configuration takes from the environment, or has from elsewhere and may stand there
/// too.
[[nodiscard]] hidden_variables hidden_from_clients(const config::proxy_config& config);

/// The process environment without what is hidden and with `ours` over it, as `name=value`.
[[nodiscard]] std::vector<std::string> merged_environment(const char* const* inherited,
                                                          std::span<const variable> ours,
                                                          const hidden_variables& hidden = {});

/// Overwrites the values of hidden variables in this process's own environment, where others could
/// read them (`/proc/PID/environ`): unsetting them would leave them there.
void wipe_environment(const hidden_variables& hidden) noexcept;

} // namespace proxy::cli
