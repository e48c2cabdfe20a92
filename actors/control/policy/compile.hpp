#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "actors/control/policy/policy_document.hpp"
#include "actors/messages.hpp"

/// The compiler: from a document to the policy that it describes, in two steps, because the
/// addresses of the listeners are known only once they are bound. Pure: no file, no clock, no
/// environment, no socket. The daemon, `check` and `explain` all come this way.

namespace proxy {

/// A policy compiled as far as it can be without its sockets.
struct draft {
  config_ptr config;                    ///< Never null.
  std::shared_ptr<policy::rules> rules; ///< Never null; knows no listeners yet.
  client_identities identities;
  surroundings around;
};

/// Compiles the rules.
/// @param problems  What is wrong is appended.
/// @returns nothing when a problem, of before or new, is an error.
[[nodiscard]] std::optional<draft> compile(policy_document document, uint64_t generation,
                                           std::vector<config::problem>& problems);

/// Adds the proxy's own listeners, and the upstream proxies that the environment names.
/// @param problems  A warning is appended for each value that is ignored.
[[nodiscard]] snapshot_ptr complete(draft what, std::vector<policy::socket_address> own_listeners,
                                    std::vector<config::problem>& problems);

/// The policy of `now` on a machine with other addresses: nothing else is loaded again, so that
/// what was set at run time stays. Its generation is the next one.
/// @param proxies   Of the environment, as they were when `now` was loaded.
/// @param problems  A warning is appended for each proxy variable that names ourselves now.
[[nodiscard]] snapshot_ptr move_to(const snapshot& now, std::vector<ip_address> addresses,
                                   const policy::proxy_environment& proxies,
                                   std::vector<config::problem>& problems);

/// Where the listeners of a configuration would stand (port 0: nowhere).
[[nodiscard]] std::vector<policy::socket_address>
configured_listeners(const config::proxy_config& config);

} // namespace proxy
