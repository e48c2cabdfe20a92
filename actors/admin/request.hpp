#pragma once

#include <caf/expected.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/error.hpp"
#include "protocols/host.hpp"
#include "protocols/http1/decode.hpp"

namespace proxy::admin {

/// The query of a URL, decoded (percent-encoding, `+` as a space).
class query {
public:
  /// @returns errc::malformed on a broken percent-encoding.
  [[nodiscard]] static caf::expected<query> parse(std::string_view text);

  /// The first value of a name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;

  /// All values of a name, in their order.
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;

  /// A decimal number, or `otherwise` where the name is missing.
  /// @returns errc::malformed when it is no number, or above `highest`.
  [[nodiscard]] caf::expected<uint64_t> number(std::string_view name, uint64_t otherwise,
                                               uint64_t highest) const;

private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// A request to the admin API; nothing here points into a buffer.
struct request {
  std::string method;
  std::string path;
  admin::query query;
  std::optional<authority> host; ///< nullopt: HTTP/1.0 without Host.
  std::string host_text;         ///< Host as received.
  std::optional<std::string> origin;
  std::string authorization;
  http1::framing body = http1::framing::none;
  uint64_t content_length = 0;
  bool keep_alive = false;
  bool expects_continue = false;
};

/// Decodes a request head.
/// @param scratch  Reused between heads.
/// @returns errc::malformed or errc::head_too_large.
[[nodiscard]] caf::expected<request>
read_request(std::string_view head, const http1::head_limits& limits, http1::request& scratch);

/// Why a request is not served.
enum class access : uint8_t { granted, foreign_host, foreign_origin, no_token };

/// Whether a client may ask. A page in a browser that reaches us by DNS rebinding gives itself away
/// by Host, one that sends us a form by Origin.
/// @param unix_socket  The client came through one: no browser does, so any Host will do.
/// @param token        What clients must show, "" for nothing. /health needs none, nor does a probe
///                     without `verbose`, which tells names of checks alone.
[[nodiscard]] access check_access(const request& req, bool unix_socket,
                                  std::string_view token) noexcept;

} // namespace proxy::admin
