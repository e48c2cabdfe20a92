#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "actors/observe/otlp/collector/curl_library.hpp"
#include "actors/observe/otlp/collector/delivery.hpp"
#include "actors/observe/otlp/collector/telemetry_signal.hpp"

namespace proxy {

/// One request to the collector.
struct collector_request {
  std::string body;
  bool is_gzip = false; ///< How the body is.
};

/// What came of it.
struct collector_answer {
  delivery_attempt what;
  std::string body;  ///< At most `collector_client::longest_answer`; "" beyond.
  std::string error; ///< Why there is no answer; "" when there is one.
};

/// Sends requests to collectors over HTTP/1.1, by libcurl, one at a time for each signal. For one
/// thread.
///
/// It goes directly, whatever proxies the environment names, ours among them; follows no redirect;
/// keeps no cookies; reads no netrc; checks certificates and names; and ends each request by the
/// signal's timeout.
class collector_client {
public:
  /// Of an answer's body, in bytes.
  static constexpr size_t longest_answer = 64 * 1024;

  /// @returns errc::system where libcurl cannot be had.
  [[nodiscard]] static caf::expected<std::unique_ptr<collector_client>>
  make(caf::expected<curl_library> library = curl_library::load());
  collector_client(const collector_client&) = delete;
  /// Requests under way are cut off.
  ~collector_client();

  /// Sends a request while none of its signal is under way. @returns errc::system when it cannot.
  [[nodiscard]] caf::error begin(telemetry_signal of, const config::otlp_signal& to,
                                 collector_request request);
  /// Cuts off the request of a signal, if one is under way; nothing is known of what came of it.
  void cancel(telemetry_signal of) noexcept;
  [[nodiscard]] bool is_busy() const noexcept;
  /// Goes on with what can go on, and waits until more can, until the descriptor is readable, or
  /// for so long.
  void wait(int descriptor, std::chrono::milliseconds limit);
  /// The answer of a signal, once.
  [[nodiscard]] std::optional<collector_answer> take(telemetry_signal of);

private:
  struct exchange;

  explicit collector_client(curl_library library);
  void finish(CURL* handle, CURLcode code);

  curl_library curl_;
  CURLM* multi_;
  std::array<std::unique_ptr<exchange>, telemetry_signals> all_;
};

} // namespace proxy
