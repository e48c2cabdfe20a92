#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace proxy::config {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

enum class otlp_encoding : uint8_t { protobuf, json };

/// How one signal (logs, metrics, traces) reaches the collector.
struct otlp_signal {
  std::string url; ///< Complete, http or https; "": not sent.
  std::vector<std::pair<std::string, std::string>> headers; ///< Values are secret: never printed.
  otlp_encoding encoding = otlp_encoding::protobuf;
  bool gzip = true;
  milliseconds timeout = 10s;               ///< One attempt.
  std::string ca_file, cert_file, key_file; ///< PEM; "": the system's, none, none.
  friend bool operator==(const otlp_signal&, const otlp_signal&) = default;
};

/// Telemetry to a collector, over OTLP/HTTP.
struct otel {
  std::string endpoint;              ///< Base, as configured; "" for none.
  otlp_signal logs, metrics, traces; ///< Resolved from all settings; empty urls when off.
  /// All of it, service.name, service.version, service.instance.id first.
  std::vector<std::pair<std::string, std::string>> resource;
  /// Metadata of each event (`otel.attributes`: conversation.id, app.version, user.account_id …).
  std::vector<std::pair<std::string, std::string>> attributes;
  uint64_t queue_size = 65'536; ///< Items that wait, per signal; beyond it dropped and counted.
  uint64_t batch_size = 2'048;  ///< Items in one request, at most.
  milliseconds delay = 1s;      ///< Longest wait of an item for others.
  milliseconds metrics_interval = 60s;
  friend bool operator==(const otel&, const otel&) = default;
};

} // namespace proxy::config
