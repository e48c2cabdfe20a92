#pragma once

#include <string_view>
#include <vector>

#include "actors/bound_listener.hpp"
#include "actors/messages.hpp"
#include "config/load.hpp"

namespace proxy {

/// A configuration turned into everything that serves it, nothing of it in force yet.
struct prepared {
  snapshot_ptr next; ///< Null when a problem is an error.
  listener_set listeners;
  std::vector<config::problem> problems; ///< Warnings too.
  bool bind_failed = false;              ///< What failed was binding, not the configuration.
};

/// Loads all layers, compiles the rules, checks what the sinks need, and binds the listeners that
/// are not among `bound` yet. Disabled, that is the admin API alone, where it is bound already.
/// Reads files, the environment and the machine's addresses; changes nothing else.
[[nodiscard]] prepared prepare(const config::sources& from, uint64_t generation,
                               const listener_set& bound);

/// What a disabled proxy tells whoever reads its log: where it can still be reached.
[[nodiscard]] std::string_view what_is_open(const listener_set& listeners);

/// A snapshot that refuses everything: in force before the first generation.
[[nodiscard]] snapshot_ptr closed_snapshot();

} // namespace proxy
