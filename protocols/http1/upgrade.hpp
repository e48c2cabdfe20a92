#pragma once

#include <string>
#include <string_view>

#include "protocols/http1/message.hpp"

namespace proxy::http1 {

/// What a request offers to switch to (RFC 9110 §7.8): the elements of all its Upgrade lines, in
/// order, as one list: "websocket, foo/1". HTTP/2 in the clear is left out: RFC 9113 §3.1 has
/// retired it, and what follows it would not be read.
/// @returns "" when there is nothing left, or Connection does not name Upgrade.
[[nodiscard]] std::string upgrade_offer(const request& req);

/// Whether all that a request's Upgrade lines name is `websocket`, once.
[[nodiscard]] bool offers_websocket_alone(const request& req) noexcept;

/// Whether the response switches to what was offered and to nothing else.
/// @param offer  As `upgrade_offer` returns it.
[[nodiscard]] bool takes_offer(const response& res, std::string_view offer) noexcept;

} // namespace proxy::http1
