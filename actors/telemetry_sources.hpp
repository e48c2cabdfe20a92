#pragma once

#include <caf/actor_system.hpp>

#include <optional>
#include <string>
#include <vector>

#include "actors/loop/system/entropy.hpp"
#include "actors/observe/audit_line.hpp"
#include "actors/observe/otlp/export/encoders.hpp"
#include "actors/serve/core/shard_core.hpp"

/// What an exporter is given by the proxy that it works for.

namespace proxy {

/// What one proxy says of itself to collectors, besides what the settings say.
struct telemetry_sender {
  std::string instance;    ///< service.instance.id.
  audit_metadata metadata; ///< Of the program that embeds it; comes before that of the settings.
  wall_time since;         ///< Its start: counters began at 0.
};

/// A name that no other proxy has: a random UUID (RFC 9562 §5.4).
[[nodiscard]] std::string random_uuid(entropy& chance);

/// How items become requests, as the settings say.
[[nodiscard]] otlp_encoders encoders_of(const telemetry_sender& from, const config::otel& settings,
                                        const clock& on);

/// The metrics of all workers and of the process. Waits for them, so not on a loop or an actor.
/// @returns nullopt where a worker does not answer in time.
[[nodiscard]] std::optional<metrics_snapshot> gathered(caf::actor_system& system,
                                                       const std::vector<shard_actor>& workers,
                                                       const process_state& process,
                                                       const clock& on);

} // namespace proxy
