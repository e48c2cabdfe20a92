#pragma once

#include "actors/observe/metrics/family.hpp"

namespace proxy {

struct metrics;

/// The policy in force, its reloads, and the CA.
void append_policy(metric_families_list& out, const metrics& what);
/// What waits and what was lost on the way to who listens; memory, workers.
void append_load(metric_families_list& out, const metrics& what);
/// What the operating system says, by the names that Prometheus' client libraries agree on.
void append_process(metric_families_list& out, const metrics& what);

} // namespace proxy
