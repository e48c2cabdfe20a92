#pragma once

#include <caf/actor_system.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "actors/observe/audit.hpp"
#include "actors/serve/core/shard_core.hpp"

namespace proxy::simulate {

/// What a client can say of its connection in the end.
struct account_of_client {
  std::string who;
  uint16_t port = 0;
  uint64_t asked = 0;           ///< Requests, tunnels, or targets of datagrams.
  uint64_t served = 0;          ///< What an origin has answered, or a tunnel that stood.
  bool calm = false;            ///< All of it had to be let through.
  bool decided_anew = false;    ///< By each policy, and told where the verdict is another one.
  std::vector<std::string> ids; ///< Of requests that the proxy has answered itself.
};

/// Compares what was decided for each client with the events that were made of it: each decision
/// makes one.
class ledger {
public:
  /// The audit trail of a proxy, which is kept here. This outlives it.
  [[nodiscard]] audit_actor open(caf::actor_system& system,
                                 const std::shared_ptr<process_state>& process);
  void closes(account_of_client one) { accounts_.push_back(std::move(one)); }
  /// All events are here. @throws violation
  void check() const;

private:
  struct of_port {
    uint64_t allowed = 0, refused = 0, faults = 0;
    std::map<std::string, policy::reason> verdicts; ///< The last one of each target.
    std::string repeated;      ///< The first verdict that was told twice in a row.
    std::set<std::string> ids; ///< Of refusals and faults.
    [[nodiscard]] std::string str() const;
  };

  void take(const decision_event& event);

  std::map<uint16_t, of_port> events_; ///< By the client's port.
  std::set<std::string> ids_;          ///< Of all events.
  std::vector<account_of_client> accounts_;
  std::string violated_;
};

} // namespace proxy::simulate
