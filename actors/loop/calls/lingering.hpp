#pragma once

#include <string_view>

namespace proxy {

class event_loop;

/// Sends what a socket that has been closed still owes its peer, as the kernel does with what it
/// has taken; then closes the descriptor. A peer that has not taken all after a while
/// (`call_batch::linger_for`) is cut off by a reset. A drain waits for it (`shard_core`).
/// @param fd  Watched by the loop until now, for a source that goes away.
void let_linger(event_loop& on, int fd, std::string_view rest) noexcept;

} // namespace proxy
