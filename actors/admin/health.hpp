#pragma once

#include <caf/expected.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/loop/system/clock.hpp"
#include "actors/messages.hpp"

/// Whether the proxy is well: what was found, judged by checks with names, and how it is told.
/// Pure; `probe` asks.

namespace proxy::admin {

/// Who asks, as Kubernetes names it.
enum class probe_kind : uint8_t {
  live,  ///< /livez: without it only a restart helps.
  ready, ///< /readyz: clients may be sent here.
  all,   ///< /healthz: both.
};

/// The probe that a path asks for, its single checks included; nullopt for other paths.
[[nodiscard]] std::optional<probe_kind> probe_of(std::string_view path) noexcept;

/// The checks, in the order in which they are told.
enum class check_name : uint8_t {
  loops,
  policy_store,
  supervisor,
  listeners,
  policy,
  ca,
  shutdown
};

/// What those say who were asked; errc::cancelled for one who did not answer in time.
struct findings {
  std::vector<caf::expected<worker_beat>> workers;
  caf::expected<snapshot_ptr> in_force{snapshot_ptr{}}; ///< From the policy store.
  caf::expected<bool> all_watched_live{false};          ///< From the supervisor.
  tls::authority_ptr ca;                                ///< Null: nothing is intercepted.
  caf::expected<tls::leaf_ptr> leaf{tls::leaf_ptr{}};   ///< Minted to see that it can be.
  wall_time now;
};

/// One check and what came of it.
struct check {
  check_name name;
  bool ok = false;
  std::string detail; ///< A few words for operators. No secret, and nothing that a client sent.
};

[[nodiscard]] std::string_view to_string(check_name name) noexcept;

/// The check with this name, where it is one of this probe.
[[nodiscard]] std::optional<check_name> check_named(std::string_view name, probe_kind of) noexcept;

[[nodiscard]] bool belongs_to(check_name name, probe_kind of) noexcept;

/// Judges one.
[[nodiscard]] check judge(check_name name, const findings& found);

/// Judges all of a probe.
[[nodiscard]] std::vector<check> judge_all(probe_kind of, const findings& found);

[[nodiscard]] bool all_ok(const std::vector<check>& all) noexcept;

/// "ok", or "failed: listeners, shutdown": for everybody, without details.
[[nodiscard]] std::string brief_text(const std::vector<check>& all);

/// A line each, `[+]loops ok: …` or `[-]loops failed: …`.
[[nodiscard]] std::string verbose_text(const std::vector<check>& all);

/// `{"status":"ok"|"failed","checks":[{"name":…,"ok":…,"detail":…}…]}`
[[nodiscard]] std::string health_json(const std::vector<check>& all);

} // namespace proxy::admin
