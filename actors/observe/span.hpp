#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "actors/net/client_address.hpp"
#include "protocols/trace_context.hpp"

namespace proxy {

/// One part of a trace that is over: a request that was served, or what was sent upstream for it.
/// Immutable once it is published. No path, query or secret ever enters it.
struct span {
  /// By the numbers that OTLP has for them.
  enum class kind : uint8_t { server = 2, client = 3 };

  trace_context context; ///< The trace, this span's own id, and the flags.
  span_id parent{};      ///< All zero: none.
  kind what = kind::server;
  std::chrono::system_clock::time_point begin, end;
  bool failed = false; ///< It came to an error: its status is that.

  // -- attributes, by the semantic conventions of OpenTelemetry for HTTP --

  std::string_view method;   ///< One of `known_method`; "" where there is none (SOCKS).
  uint16_t status = 0;       ///< Of the response; 0: there was none.
  std::string host;          ///< Asked for; "" where it is not known.
  uint16_t port = 0;         ///< 0: not known.
  std::string_view scheme;   ///< "http" or "https"; "" for a tunnel.
  std::string_view protocol; ///< "http" or "socks".
  std::string_view version;  ///< "1.0", "1.1", "2", "5".
  std::optional<client_address> client;
  std::string error_type; ///< Name of a reason or fault, or a status; "" for none.

  /// Of a few: the method, as nothing else of a request is one of a few.
  [[nodiscard]] std::string_view name() const noexcept {
    if (method.empty())
      return "CONNECT"; // what SOCKS calls it too (RFC 1928 §4)
    return method == "_OTHER" ? std::string_view{"HTTP"} : method;
  }
};

using span_ptr = std::shared_ptr<const span>;

/// A method as a span names it: one of those that RFC 9110 and RFC 5789 have, else `_OTHER`, as
/// clients may make up any number of them. In static storage.
[[nodiscard]] std::string_view known_method(std::string_view method) noexcept;

/// Calls `visit(name, value)` for each attribute that there is, in a fixed order. Values are
/// `std::string_view` or `uint64_t`.
template <class Visitor>
void for_each_attribute(const span& of, Visitor&& visit) {
  auto text = [&](std::string_view name, std::string_view value) {
    if (!value.empty())
      visit(name, value);
  };
  auto number = [&](std::string_view name, uint64_t value) {
    if (value > 0)
      visit(name, value);
  };
  text("http.request.method", of.method);
  number("http.response.status_code", of.status);
  text("server.address", of.host);
  number("server.port", of.port);
  text("url.scheme", of.scheme);
  text("network.protocol.name", of.protocol);
  text("network.protocol.version", of.version);
  if (of.client)
    text("client.address", of.client->unix_socket ? of.client->str() : of.client->ip.str());
  text("error.type", of.error_type);
}

} // namespace proxy
