#pragma once

#include <caf/expected.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/messages.hpp"
#include "actors/observe/blocked_ring.hpp"

/// Bodies of the admin API.

namespace proxy::admin {

/// `{"error":"…"}`
[[nodiscard]] std::string error_json(std::string_view what);

/// `{"allowed":[…],"denied":[…]}`, as configured.
[[nodiscard]] std::string patterns_json(const config::proxy_config& config);

/// What GET /blocked is asked for.
struct blocked_range {
  std::optional<uint64_t> since; ///< The oldest entries after this id; unset: the newest of all.
  uint64_t limit = 200;
  uint64_t below =
    0; ///< Entries before this id: those that every shard had recorded when it was asked.
};

/// `{"blocked":[…],"total":N,"next":ID}`, older entries first; `next` continues after them.
/// @param all  What all shards remember, in any order.
[[nodiscard]] std::string blocked_json(blocked_page all, const blocked_range& range);

/// `{"connections":[…],"total":N}` with at most `limit` of them, oldest first.
[[nodiscard]] std::string connections_json(std::vector<connection_info> all, uint64_t limit);

/// `{"status":"reloaded","generation":N,"changed":[…],"closed_tunnels":N,"needs_restart":[…]}`
[[nodiscard]] std::string reloaded_json(const reload_report& report);

/// `{"status":"refused","errors":[…]}`: the problems that are errors.
[[nodiscard]] std::string refused_json(const std::vector<config::problem>& problems);

/// `{"status":"ok","mode":"…"}`
[[nodiscard]] std::string mode_json(policy::mode mode);

/// `{"status":"ok","mode":"…","mode_override":null}`: the configuration's mode is in force again.
[[nodiscard]] std::string lifted_json(policy::mode mode);

/// Reads `{"mode":"full"|"limited"|"config"}`; other keys are ignored.
/// @returns the mode, nullopt for that of the configuration; errc::malformed with what is wrong.
[[nodiscard]] caf::expected<std::optional<policy::mode>> parse_mode(std::string_view body);

} // namespace proxy::admin
