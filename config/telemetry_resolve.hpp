#pragma once

#include <string>

#include "config/home.hpp"
#include "config/report.hpp"
#include "config/settings.hpp"

namespace proxy::config {

/// Works out where each signal is sent and how (`otel::logs`, `metrics`, `traces`, `resource`): by
/// the keys of `[network_proxy.otel]`, and by the variables of OpenTelemetry where those say
/// nothing. Values of headers were fetched before.
void resolve_telemetry(const settings& managed, settings& effective, const environment& env,
                       const std::string& profile, report& out);

} // namespace proxy::config
