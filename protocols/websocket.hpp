#pragma once

#include <string>
#include <string_view>

/// What an opening handshake over HTTP/1.1 has and one over HTTP/2 lacks (RFC 6455 §4, RFC 8441
/// §5).
namespace proxy::websocket {

/// A fresh Sec-WebSocket-Key.
[[nodiscard]] std::string make_key();

/// The Sec-WebSocket-Accept that answers a key.
[[nodiscard]] std::string accept_for(std::string_view key);

} // namespace proxy::websocket
