#pragma once

#include <optional>

#include "actors/sockaddr.hpp"

namespace proxy {

/// The address of our end of a socket.
[[nodiscard]] ip_sockaddr local_address(int descriptor) noexcept;

/// The address that the peer of an accepted socket connected to, where the kernel led the
/// connection here instead (DNAT, REDIRECT); nullopt when it did not, or does not say.
[[nodiscard]] std::optional<ip_sockaddr> translated_address(int descriptor) noexcept;

} // namespace proxy
