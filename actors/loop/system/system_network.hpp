#pragma once

#include "actors/loop/system/network.hpp"

namespace proxy {

/// The sockets of this machine's kernel.
[[nodiscard]] network& system_network() noexcept;

} // namespace proxy
