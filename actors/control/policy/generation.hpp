#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "actors/control/policy/policy_document.hpp"
#include "actors/messages.hpp"
#include "actors/net/bound_listener.hpp"
#include "config/load.hpp"

namespace proxy {

/// A configuration turned into everything that serves it, nothing of it in force yet.
struct prepared {
  snapshot_ptr next; ///< Null when a problem is an error.
  listener_set listeners;
  policy::proxy_environment proxies;     ///< That the environment names.
  std::vector<config::problem> problems; ///< Warnings too.
  bool bind_failed = false;              ///< What failed was binding, not the configuration.
};

/// The pipeline in one call, for the first policy, when there are no actors yet: loads, compiles,
/// and binds the listeners that are not among `bound`.
/// Reads files, the environment and the machine's addresses; changes nothing else.
/// @param before_binding  Called when all is read and compiled. Null: nobody wants to know.
[[nodiscard]] prepared prepare(const config::sources& from, uint64_t generation,
                               const listener_set& bound,
                               const std::function<void()>& before_binding = nullptr);

/// What a daemon would start with, compiled without binding anything: its listeners stand where the
/// configuration says (port 0: nowhere).
/// @param check_patterns  As for `config::load`.
/// @param problems        All problems, warnings too.
/// @returns null when a problem is an error.
[[nodiscard]] snapshot_ptr compile_unbound(const config::sources& from, bool check_patterns,
                                           std::vector<config::problem>& problems);

/// What a disabled proxy tells whoever reads its log: where it can still be reached.
[[nodiscard]] std::string_view what_is_open(const listener_set& listeners);

/// A snapshot that refuses everything: in force before the first generation.
[[nodiscard]] snapshot_ptr closed_snapshot();

} // namespace proxy
