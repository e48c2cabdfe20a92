#pragma once

#include <map>
#include <string>
#include <vector>

#include "actors/clients/client_files.hpp"
#include "actors/clients/hidden_variables.hpp"
#include "config/proxy_config.hpp"

namespace proxy {

/// What has become of the environment of a client.
struct client_variables {
  std::map<std::string, std::string> set; ///< Ours, new or in the place of what was there.
  std::vector<std::string> removed;       ///< Names of what the client must not inherit.
  std::vector<std::string> notes;         ///< What could not be kept or written, a sentence each.
  client_files files; ///< What ours name: `remove_client_files` once there is no such proxy.
};

/// Makes an environment that of a client: it uses the proxy, with `mitm` trusts what that shows it,
/// and holds nothing that is hidden. Writes files below `$CODEX_HOME/proxy`. Blocks.
/// @param env        The client's variables by name.
/// @param proxy_url  As `child_variables` takes it.
/// @param hidden     Left out, unless it is ours that takes its place.
/// @param program    Of ours, which has the command `connect`, for git to reach hosts by SSH with;
///                   "" for none: git is then not told.
[[nodiscard]] client_variables apply_to_environment(std::map<std::string, std::string>& env,
                                                    const std::string& proxy_url,
                                                    const config::proxy_config& config,
                                                    const hidden_variables& hidden,
                                                    const std::string& program);

} // namespace proxy
