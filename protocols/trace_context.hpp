#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace proxy {

/// All requests and their parts that somebody wants to see together; as sent, most significant byte
/// first.
using trace_id = std::array<uint8_t, 16>;
/// One part of a trace.
using span_id = std::array<uint8_t, 8>;

/// Which trace a request is a part of, as its `traceparent` field says (W3C Trace Context).
struct trace_context {
  static constexpr uint8_t sampled_flag = 0x01;

  trace_id trace{};  ///< Not all zero.
  span_id span{};    ///< Of whoever sent the request; not all zero.
  uint8_t flags = 0; ///< As they came; of versions that are not known yet the sampled flag alone.

  /// Whether who sent it records this trace.
  [[nodiscard]] bool is_sampled() const noexcept { return (flags & sampled_flag) != 0; }

  friend bool operator==(const trace_context&, const trace_context&) = default;
};

/// Reads the value of a traceparent field: `00-` trace id `-` span id `-` flags, in lower-case
/// hexadecimal digits. Of a higher version, the same at its beginning.
/// @returns nullopt for whatever else: the request is then part of no trace.
[[nodiscard]] std::optional<trace_context> parse_traceparent(std::string_view value) noexcept;

/// The value of a traceparent field, of version 00: 55 characters.
[[nodiscard]] std::string traceparent(const trace_context& of);

/// The ids in lower-case hexadecimal digits.
[[nodiscard]] std::string to_hex(const trace_id& id);
[[nodiscard]] std::string to_hex(const span_id& id);

} // namespace proxy
