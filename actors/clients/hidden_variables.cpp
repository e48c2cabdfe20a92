#include "actors/clients/hidden_variables.hpp"

#include <algorithm>
#include <array>

#include "actors/observe/otlp/collector/telemetry_signal.hpp"
#include "protocols/ascii.hpp"

namespace proxy {

namespace {

/// Shortest value that is hidden wherever it stands.
constexpr size_t min_secret = 8;

/// Where a collector's headers come from. Even of one that we do not use, for a mistake in it or
/// because its signal is off, somebody meant it for us, and it may be a secret.
constexpr std::array otel_headers{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
                                  "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
                                  "OTEL_EXPORTER_OTLP_TRACES_HEADERS"};

} // namespace

hidden_variables hidden_from_clients(const config::proxy_config& config,
                                     const config::environment& env) {
  hidden_variables out{config.secret_variables, {}};
  out.names.emplace_back("CODEX_PROXY_ADMIN");
  // Says whose the connections of this process are: not those of its child.
  out.names.emplace_back("CODEX_NETWORK_PROXY_ATTRIBUTION");
  // Of the proxy that ours takes the place of.
  out.names.emplace_back("CLOUDSDK_PROXY_USERNAME");
  out.names.emplace_back("CLOUDSDK_PROXY_PASSWORD");
  if (is_on(config.otel))
    out.names.insert(out.names.end(), otel_headers.begin(), otel_headers.end());
  auto add_value = [&](std::string_view value) {
    // A shorter one stands in too many places by chance.
    if (value.size() >= min_secret)
      out.values.emplace_back(value);
  };
  for (const auto& name : config.secret_variables)
    add_value(env(name).value_or(""));
  add_value(config.admin_token);
  for (const auto& user : config.socks_users)
    add_value(user.password);
  for (const auto& header : config.otel.headers)
    add_value(header.value);
  for (const auto* signal : {&config.otel.logs, &config.otel.metrics, &config.otel.traces})
    for (const auto& [name, value] : signal->headers)
      add_value(value);
  for (const auto& hook : config.mitm_hooks)
    for (const auto& injection : hook.inject_request_headers)
      if (std::string_view value{injection.value.reveal()}; value.starts_with(injection.prefix))
        add_value(value.substr(injection.prefix.size()));
  return out;
}

bool hidden_variables::contain(std::string_view line) const noexcept {
  auto equals = std::min(line.find('='), line.size());
  auto name = line.substr(0, equals);
  auto value = line.substr(std::min(equals + 1, line.size()));
  constexpr std::string_view suffix = "_proxy";
  auto proxy = name.size() >= suffix.size() && value.find('@') != std::string_view::npos &&
               ascii::equals_ignoring_case(name.substr(name.size() - suffix.size()), suffix);
  return proxy || std::ranges::find(names, name) != names.end() ||
         std::ranges::find(values, value) != values.end();
}

} // namespace proxy
