#pragma once

#include <caf/error.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/error.hpp"
#include "protocols/http1/message.hpp"

namespace proxy::http1 {

/// Bounds on a head.
struct head_limits {
  size_t max_bytes = 64 * 1024; ///< Start line included.
  size_t max_fields = 256;
};

/// How the limits are named to whoever met them.
[[nodiscard]] std::string head_too_long(size_t max_bytes);
[[nodiscard]] std::string too_many_fields(size_t max_fields);

/// The end of a head: offset just behind the empty line, found without parsing, so that a head that
/// arrives in many pieces is parsed once.
/// @param from  Where an earlier call on a shorter prefix stopped looking (0 at first).
/// @returns nullopt while the empty line is missing.
[[nodiscard]] std::optional<size_t> find_head_end(std::string_view in, size_t from = 0) noexcept;

/// Whether the first bytes can still become a request line; false lets a connection that speaks
/// another protocol (a TLS ClientHello, say) be refused at its first byte.
[[nodiscard]] bool may_be_request(std::string_view in) noexcept;

/// Decodes one whole request head (from the request line to the empty line, as `find_head_end` cut
/// it). Strict (RFC 9112 §2.2, §5, §6): no bare CR or LF, no obs-fold, no space before the colon,
/// no control characters, no differing Content-Lengths, no Content-Length beside Transfer-Encoding,
/// no transfer coding but a final `chunked`, exactly one Host with HTTP/1.1, HTTP/1.0 or 1.1 only.
/// Leading empty lines (RFC 9112 §2.2) are allowed.
/// An HTTP/1.0 client is never kept, whatever it asks.
/// @returns no error and `out` filled, errc::malformed (context: what and at which byte),
///          errc::head_too_large (context: the limit), or errc::not_implemented (a method of more
///          than 64 bytes).
[[nodiscard]] caf::error decode_request(std::string_view head, const head_limits& limits,
                                        request& out);

/// Decodes one whole response head. Same strictness, but for empty elements in Transfer-Encoding
/// and one length said twice; errors are errc::bad_response.
/// @param to_head    The request was HEAD: no body follows whatever the fields say.
/// @param to_connect The request was CONNECT: a 2xx has no body.
[[nodiscard]] caf::error decode_response(std::string_view head, const head_limits& limits,
                                         bool to_head, bool to_connect, response& out);

} // namespace proxy::http1
