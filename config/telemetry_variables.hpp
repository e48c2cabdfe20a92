#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/home.hpp"
#include "config/report.hpp"
#include "config/telemetry.hpp"

/// The environment variables of OpenTelemetry that an exporter goes by
/// (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables and
/// …/protocol/exporter). A value that is of no use is told as a warning and counts as none, as
/// those pages ask for.

namespace proxy::config {

/// LOGS, METRICS or TRACES.
using signal_name = std::string_view;

class telemetry_variables {
public:
  telemetry_variables(const environment& env, report& out) : env_(env), out_(out) {}

  /// OTEL_SDK_DISABLED: nothing is to be sent.
  [[nodiscard]] bool disabled() const;
  /// OTEL_{signal}_EXPORTER: whether it says that this signal is sent, or is not.
  [[nodiscard]] std::optional<bool> exports(signal_name signal);
  /// The complete URL of a signal; "" for none.
  [[nodiscard]] std::string url(signal_name signal, std::string_view path);
  [[nodiscard]] text_pairs headers(signal_name signal);
  [[nodiscard]] std::optional<otlp_encoding> encoding(signal_name signal);
  [[nodiscard]] std::optional<bool> gzip(signal_name signal);
  [[nodiscard]] std::optional<milliseconds> timeout(signal_name signal);
  /// OTEL_EXPORTER_OTLP_[signal_]{what}, of CERTIFICATE and the like: a path.
  [[nodiscard]] std::string file(signal_name signal, std::string_view what);

  /// OTEL_RESOURCE_ATTRIBUTES, and OTEL_SERVICE_NAME, which is first in any case.
  [[nodiscard]] text_pairs resource();
  /// A number of these that is positive; nullopt for none.
  [[nodiscard]] std::optional<uint64_t> number(const std::string& name, uint64_t most);

private:
  /// The variable of a signal, else of all of them, that is set.
  struct found {
    std::string name, value;
  };
  [[nodiscard]] std::optional<found> of(signal_name signal, std::string_view what) const;
  [[nodiscard]] std::string value(const std::string& name) const;
  void warn(const std::string& name, std::string what);
  /// `key=value,key=value` with percent-encoding (W3C Baggage §3.3.1, without properties).
  [[nodiscard]] std::optional<text_pairs> pairs(std::string_view text) const;

  const environment& env_;
  report& out_;
};

/// What is wrong with the URL of a collector, "" when nothing is.
[[nodiscard]] std::string wrong_with_url(std::string_view url);

} // namespace proxy::config
