#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/home.hpp"
#include "config/proxy_config.hpp"

namespace proxy {

/// Files that variables of clients name. "" is none.
struct client_files {
  std::string bundle;        ///< All that is trusted, PEM. "" where nothing is intercepted.
  std::string added;         ///< What tools with roots of their own have to add to them.
  std::string java_store{};  ///< The bundle for Java.
  std::string wget_file{};   ///< For Wget, which reads no variable for either.
  std::string curl_home{};   ///< The folder of curl's settings; "" where the user has none.
  std::string apt_file{};    ///< For apt.
  std::string apt_bundle{};  ///< The bundle where apt's own user can read it.
  std::string ssh_command{}; ///< No file: how git reaches hosts by SSH.
  /// No files: what git's configuration has to say again, as it goes before the variables.
  std::vector<std::string> git_proxy_keys{};
  std::vector<std::string> of_this_proxy{}; ///< Those that are of no use to another proxy.
};

/// The files that the proxy of this configuration writes at its start.
[[nodiscard]] client_files usual_client_files(const config::proxy_config& config);

/// The files for clients that start in this environment: whatever its variables say they trust and
/// use is kept in them. Written where they are not there yet, in `$CODEX_HOME/proxy`.
/// @param proxy_url  As `child_variables` takes it.
/// @param program    Of ours, for `ssh_through`; "" for none.
/// @param notes      What could not be kept or written, a sentence each.
[[nodiscard]] client_files make_client_files(const config::proxy_config& config,
                                             const std::string& proxy_url,
                                             const config::environment& env,
                                             const std::string& program,
                                             std::vector<std::string>& notes);

/// Removes the files that name a proxy which is no more.
void remove_client_files(const client_files& files) noexcept;

/// What apt reads as a configuration file.
/// @param included   The user's own file, "" for none.
/// @param bundle     "" for none.
[[nodiscard]] std::string apt_settings(const std::string& proxy_url, const std::string& bundle,
                                       const std::string& included);

/// The command by which git runs ssh through `connect`.
/// @param program  Ours.
[[nodiscard]] std::string ssh_through(const std::string& program);

/// Whether a command is one of `ssh_through`, of whatever program.
[[nodiscard]] bool is_ssh_through(std::string_view command) noexcept;

} // namespace proxy
