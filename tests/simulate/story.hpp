#pragma once

#include <cstdint>

namespace proxy::simulate {

/// What a story came to.
struct outcome {
  uint64_t steps = 0;
  uint64_t trace = 0;
  double seconds = 0; ///< Of the time that passed in it.
  uint64_t visitors = 0, reloads = 0;
};

/// Plays what follows from a seed: a proxy, its clients and origins, ways that are good or bad, and
/// policies that change. @throws violation
outcome play(uint64_t seed);

} // namespace proxy::simulate
