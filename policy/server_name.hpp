#pragma once

#include <caf/error.hpp>
#include <string_view>

#include "protocols/host.hpp"

namespace proxy::policy {

/// Compares the server name of a client's TLS handshake with the host of its tunnel (RFC 6066 §3).
/// What requests inside call their host is for `decide` (`query::through`).
/// @param server_name  "" when the client sent none, which agrees with every host.
/// @returns errc::misdirected when it names another host or none at all.
[[nodiscard]] caf::error check_server_name(const host& tunnel, std::string_view server_name);

} // namespace proxy::policy
