#pragma once

#include <caf/actor_addr.hpp>
#include <caf/actor_system.hpp>

#include <memory>
#include <mutex>
#include <vector>

#include "actors/control/departures.hpp"
#include "actors/control/policy/policy_source.hpp"
#include "actors/control/supervisor.hpp"
#include "config/load.hpp"

namespace proxy {

/// Begins the policy sources of a proxy, the first and those in the place of ones that hang, and
/// has them end with it. From any thread.
class policy_sources {
public:
  /// @param leaving  Each is waited for there, as "policy_source".
  policy_sources(caf::actor_system& system, config::sources from, supervisor_actor watches,
                 std::shared_ptr<departures> leaving);

  /// A new one, on a thread of its own; from now on the proxy ends when it ends.
  /// @throws std::system_error where no thread is left.
  [[nodiscard]] policy_source_actor begin();

  /// Tells all of them to end, and those that are still to come.
  void end();

private:
  caf::actor_system& system_;
  config::sources from_;
  supervisor_actor watches_;
  std::shared_ptr<departures> leaving_;
  std::mutex lock_;
  policy_source_actor newest_; ///< Held: it outlives a policy store that is lost.
  std::vector<caf::actor_addr> begun_;
  bool over_ = false;
};

} // namespace proxy
