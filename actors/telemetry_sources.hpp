#pragma once

#include <caf/actor_system.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "actors/observe/audit_line.hpp"
#include "actors/observe/otlp/export/encoders.hpp"
#include "actors/serve/core/shard_core.hpp"

/// What an exporter is given by the proxy that it works for.

namespace proxy {

/// What telemetry says of its origin, beside the settings.
struct telemetry_origin {
  std::string instance;    ///< `service.instance.id`: no other proxy has it.
  audit_metadata metadata; ///< Of the program around, before that of the settings.
  wall_time started;       ///< When counters began.
};

/// A random UUID (RFC 9562 §5.4).
[[nodiscard]] std::string random_uuid(entropy& chance);

/// Makes encoders for settings.
[[nodiscard]] std::function<otlp_encoders(const config::otel&)>
encoders_for(telemetry_origin origin);

/// The metrics of all workers and of the process. Waits for them, so not on a loop or an actor.
/// @returns nullopt where one of them does not answer in time.
[[nodiscard]] std::optional<metrics_snapshot> gathered(caf::actor_system& system,
                                                       const std::vector<shard_actor>& workers,
                                                       const policy_store_actor& store,
                                                       process_state& process);

} // namespace proxy
