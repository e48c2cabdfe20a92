#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace proxy::http1 {

/// Takes `Basic` credentials apart (RFC 7617 §2).
/// @param value  Of Authorization or Proxy-Authorization.
/// @returns `user:password`, decoded, with at least that colon in it; any bytes may stand there.
///          nullopt for other schemes, broken base64, and what has no colon. A secret: never log
///          it, and wipe it after use.
[[nodiscard]] std::optional<std::string> decode_basic(std::string_view value);

} // namespace proxy::http1
