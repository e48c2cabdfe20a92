#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/home.hpp"
#include "config/report.hpp"
#include "config/telemetry.hpp"

/// The environment variables of OpenTelemetry that an exporter goes by
/// (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables and
/// …/protocol/exporter). A value that is of no use is told once, as a warning, and counts as none,
/// as those pages ask for: where it is of one signal, the variable of all signals counts.

namespace proxy::config {

/// LOGS, METRICS or TRACES.
using signal_name = std::string_view;

class telemetry_variables {
public:
  telemetry_variables(const environment& env, report& out) : env_(env), out_(out) {}

  /// OTEL_SDK_DISABLED: nothing is to be sent.
  [[nodiscard]] bool disabled();
  /// OTEL_{signal}_EXPORTER: whether it says that this signal is sent, or is not.
  [[nodiscard]] std::optional<bool> exports(signal_name signal);
  /// Whether any variable says where a signal is sent, of use or not.
  [[nodiscard]] bool has_url(signal_name signal) const;
  /// The complete URL of a signal; "" for none.
  [[nodiscard]] std::string url(signal_name signal, std::string_view path);
  [[nodiscard]] text_pairs headers(signal_name signal);
  [[nodiscard]] std::optional<otlp_encoding> encoding(signal_name signal);
  [[nodiscard]] std::optional<bool> gzip(signal_name signal);
  [[nodiscard]] std::optional<milliseconds> timeout(signal_name signal);
  /// …_CERTIFICATE: the path of a PEM file.
  [[nodiscard]] std::string ca_file(signal_name signal) const;
  /// …_CLIENT_CERTIFICATE and …_CLIENT_KEY: paths of PEM files, both or none.
  [[nodiscard]] std::pair<std::string, std::string> client_files(signal_name signal);

  /// OTEL_RESOURCE_ATTRIBUTES, each name once, and OTEL_SERVICE_NAME, which is first in any case.
  [[nodiscard]] text_pairs resource();
  /// A number within these bounds; nullopt for none.
  [[nodiscard]] std::optional<uint64_t> number(const std::string& name, uint64_t least,
                                               uint64_t most);

private:
  /// A variable that is set.
  struct found {
    std::string name, value;
    bool is_of_signal; ///< Else of all of them.
  };
  /// The one of a signal, then the one of all of them.
  [[nodiscard]] std::vector<found> all_of(signal_name signal, std::string_view what) const;
  /// The first of these of which `read` makes something.
  template <class Read>
  auto first_of(signal_name signal, std::string_view what, Read read) -> decltype(read(found{})) {
    for (const auto& set : all_of(signal, what))
      if (auto made = read(set))
        return made;
    return std::nullopt;
  }
  [[nodiscard]] std::string path(signal_name signal, std::string_view what) const;
  [[nodiscard]] std::string value(const std::string& name) const;
  void warn(const std::string& name, std::string what);
  /// `key=value,key=value` with percent-encoding (W3C Baggage §3.3.1, without properties).
  [[nodiscard]] std::optional<text_pairs> pairs(std::string_view text) const;

  const environment& env_;
  report& out_;
  std::set<std::string> warned_; ///< Each is read for up to three signals.
};

/// What is wrong with the URL of a collector, "" when nothing is.
[[nodiscard]] std::string wrong_with_url(std::string_view url);

} // namespace proxy::config
