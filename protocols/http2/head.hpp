#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/http1/decode.hpp"

/// HTTP/2 as other spelling of the messages that HTTP/1.1 spells: heads from one into the other and
/// back (RFC 9113 §8, RFC 9112). What is judged and rewritten is always the HTTP/1.1 spelling.
namespace proxy::http2 {

/// One field; `name` is lower case, and begins with a colon when it is a pseudo field.
struct field {
  std::string name;
  std::string value;
};

/// The fields of one section as they come; cookies that came in pieces are one field (RFC 9113
/// §8.2.3). Beyond the limits it only remembers which one was met.
class field_section {
public:
  explicit field_section(http1::head_limits limits) : limits_(limits) {}

  void add(std::string_view name, std::string_view value);
  void clear();

  /// Which limit was met.
  enum class excess : uint8_t { none, bytes, fields };
  [[nodiscard]] excess too_large() const noexcept { return too_large_; }
  [[nodiscard]] const std::vector<field>& fields() const noexcept { return fields_; }
  /// The value of a field that stands once, "" when it is missing.
  [[nodiscard]] std::string_view value_of(std::string_view name) const noexcept;
  [[nodiscard]] bool has(std::string_view name) const noexcept;
  [[nodiscard]] const http1::head_limits& limits() const noexcept { return limits_; }

private:
  http1::head_limits limits_;
  std::vector<field> fields_;
  size_t bytes_ = 0;
  size_t lines_ = 0; ///< As they will stand in HTTP/1.1: Host is one, the rest of the start is not.
  size_t cookie_ = 0; ///< Behind the place of the cookies; 0 for none.
  excess too_large_ = excess::none;
};

/// What of a request decides how the rest of its exchange is spelled.
struct exchange_facts {
  bool to_head = false;      ///< HEAD: its response has no body.
  std::string websocket_key; ///< Of an extended CONNECT for WebSocket (RFC 8441); "" for all else.
};

/// A head in HTTP/1.1, and how the body behind it is framed there: `until_close` is the open end of
/// a WebSocket.
struct spelled_head {
  std::string text;
  http1::framing body = http1::framing::none;
};

/// Spells a request in HTTP/1.1. An extended CONNECT for WebSocket becomes an Upgrade with a key of
/// ours. A section that was too large becomes one that meets the same limit in HTTP/1.1.
/// @param ended  No body follows.
/// @returns nullopt when there is no such request in HTTP/1.1.
[[nodiscard]] std::optional<spelled_head> spell_request(const field_section& in, bool ended,
                                                        exchange_facts& facts);

/// Spells a response in HTTP/1.1. An interim one has no body and says so by its status.
[[nodiscard]] std::optional<spelled_head> spell_response(const field_section& in, bool ended,
                                                         const exchange_facts& facts);

/// Spells trailer fields in HTTP/1.1, without those that may not stand in a trailer.
[[nodiscard]] std::string spell_trailers(const field_section& in);

/// The fields of a request in HTTP/2; an Upgrade to WebSocket becomes an extended CONNECT.
[[nodiscard]] std::vector<field> to_fields(const http1::request& req, exchange_facts& facts);

/// The fields of a response in HTTP/2; 101 to a WebSocket becomes 200.
/// @returns nothing when the 101 does not answer the key of `facts`.
[[nodiscard]] std::vector<field> to_fields(const http1::response& res, const exchange_facts& facts);

/// The fields of a trailer section given as HTTP/1.1 lines, each with its CRLF.
[[nodiscard]] std::vector<field> to_trailer_fields(std::string_view lines);

} // namespace proxy::http2
