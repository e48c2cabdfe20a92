#pragma once

#include <caf/actor_system.hpp>

#include <optional>
#include <vector>

#include "actors/observe/otlp/export/encoders.hpp"
#include "actors/serve/core/shard_core.hpp"

/// What an exporter is given by the proxy that it works for.

namespace proxy {

/// How items become requests, as the settings say.
[[nodiscard]] otlp_encoders encoders_of(const config::otel& settings);

/// The metrics of all workers and of the process. Waits for them, so not on a loop or an actor.
/// @returns nullopt where a worker does not answer in time.
[[nodiscard]] std::optional<metrics_snapshot> gathered(caf::actor_system& system,
                                                       const std::vector<shard_actor>& workers,
                                                       const process_state& process);

} // namespace proxy
