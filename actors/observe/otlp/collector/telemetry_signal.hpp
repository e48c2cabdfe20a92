#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/telemetry.hpp"

namespace proxy {

/// What is sent to a collector; each has an address and a queue of its own.
enum class telemetry_signal : uint8_t { logs, metrics, traces };
inline constexpr size_t telemetry_signals = 3;

[[nodiscard]] constexpr std::string_view to_string(telemetry_signal which) noexcept {
  constexpr std::string_view names[] = {"logs", "metrics", "traces"};
  return names[static_cast<size_t>(which)];
}

[[nodiscard]] inline const config::otlp_signal& settings_of(const config::otel& all,
                                                            telemetry_signal which) noexcept {
  switch (which) {
    case telemetry_signal::metrics: return all.metrics;
    case telemetry_signal::traces: return all.traces;
    default: return all.logs;
  }
}

/// Whether anything is to be sent.
[[nodiscard]] inline bool is_on(const config::otel& all) noexcept {
  return !all.logs.url.empty() || !all.metrics.url.empty() || !all.traces.url.empty();
}

} // namespace proxy
