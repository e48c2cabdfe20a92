#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace proxy::http1 {

/// One field line. Views into the buffer the head was decoded from.
struct field {
  std::string_view name;
  std::string_view value; ///< Without surrounding whitespace.
};

/// How a message's body is delimited (RFC 9112 §6.3).
enum class framing : uint8_t { none, length, chunked, until_close };

/// What every message head has. All views point into the input buffer; `fields` keeps its
/// capacity across messages, so one object per loop serves all connections.
struct head {
  std::vector<field> fields;
  bool keep_alive = false; ///< RFC 9112 §9.3, before what we want ourselves.
  bool http_1_0 = false;
  framing body = framing::none;
  uint64_t content_length = 0;  ///< Valid with framing::length.
  std::string_view upgrade;     ///< Value of Upgrade when Connection names it, else "".
  bool expect_continue = false; ///< Requests: Expect: 100-continue.
  bool authorization = false;   ///< Requests: there is an Authorization field.

  /// The first value of a field, case-insensitive.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
};

/// A request head (RFC 9112 §3).
struct request : head {
  std::string_view method;
  std::string_view target; ///< As received: absolute-form, origin-form, authority-form or `*`.
  /// Value of that field (`parse_traceparent`); "" for none, and for several, which tell nothing.
  std::string_view traceparent;
};

/// A response head (RFC 9112 §4).
struct response : head {
  uint16_t status = 0;
  std::string_view reason;
};

} // namespace proxy::http1
