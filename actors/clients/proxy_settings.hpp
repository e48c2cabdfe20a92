#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/home.hpp"

/// Settings of tools that say which proxy they use, and to them go before the variables that say
/// so. Text to text.

namespace proxy {

/// Only forms that all implementations read alike; more would let traffic past the policy.
inline constexpr std::string_view reached_directly = "localhost,127.0.0.1,::1";

/// The name that a line of Wget's settings sets, as Wget reads it: in lower case and without
/// hyphens; "" for none.
[[nodiscard]] std::string wget_name(std::string_view line);

/// Wget's settings without the lines that speak of proxies.
[[nodiscard]] std::string without_wget_proxies(std::string_view settings);

/// Lines that take the place of what Wget's settings for the whole system say of proxies.
[[nodiscard]] std::string wget_proxies(const std::string& proxy_url);

/// The user's settings of curl and behind them our proxy: the last word counts.
/// @param own  May be of this function already.
[[nodiscard]] std::string curl_settings(std::string_view own, const std::string& proxy_url);

/// What git's configuration says that matters to a client of ours.
struct git_settings {
  bool has_ssh = false;                ///< core.sshCommand, which GIT_SSH_COMMAND would hide.
  std::vector<std::string> proxy_keys; ///< "http.proxy", "http.https://example.org.proxy" …
};

/// The pattern of keys to ask `git config -z --get-regexp` for.
inline constexpr const char* git_keys = R"(^(core\.sshcommand|(http|remote)\.(.+\.)?proxy)$)";

/// @param told  What git answered.
[[nodiscard]] git_settings read_git_settings(std::string_view told);

/// The variables by which git's configuration says that each of these keys has this value, and
/// still all that the user's variables of this kind say.
[[nodiscard]] std::vector<std::pair<std::string, std::string>>
git_variables(const std::vector<std::string>& keys, const std::string& value,
              const config::environment& env);

} // namespace proxy
