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

/// Names and values, in their order.
using text_pairs = std::vector<std::pair<std::string, std::string>>;

/// A header of requests to the collector, and where its value is.
struct otlp_header {
  std::string name;
  std::string source; ///< "env:NAME" or "file:PATH".
  std::string value;  ///< Resolved; never printed.
  friend bool operator==(const otlp_header&, const otlp_header&) = default;
};

/// Telemetry to a collector, over OTLP/HTTP.
struct otel {
  // As configured, for all signals.
  std::string endpoint;                   ///< Base, http or https; "" for none.
  std::string protocol = "http/protobuf"; ///< Or "http/json".
  std::vector<otlp_header> headers;
  std::string compression = "gzip";             ///< Or "none".
  milliseconds timeout = 10s;                   ///< One attempt.
  std::string ca_file, client_cert, client_key; ///< PEM; "": the system's, none, none.
  bool send_traces = false;
  /// Metadata of each event: conversation.id, app.version, user.account_id and the like.
  text_pairs attributes;
  uint64_t queue_size = 65'536; ///< Items that wait, per signal; beyond it dropped and counted.
  uint64_t batch_size = 2'048;  ///< Items in one request, at most.
  milliseconds delay = 1s;      ///< Longest wait of an item for others.
  milliseconds metrics_interval = 60s;

  // What follows from it and from the environment (`resolve_telemetry`).
  otlp_signal logs, metrics, traces; ///< Empty urls when off.
  text_pairs resource;               ///< What we are a part of; service.name first.
  friend bool operator==(const otel&, const otel&) = default;
};

} // namespace proxy::config
