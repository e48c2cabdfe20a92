#pragma once

#include <string>

#include "actors/loop/task/waker.hpp"
#include "actors/net/client_address.hpp"
#include "actors/net/reader.hpp"
#include "actors/net/transport.hpp"
#include "actors/serve/core/shard_core.hpp"

namespace proxy {

/// One client as those flows see it that only read from it, write to it and wait for it: a socket,
/// or a stream of an HTTP/2 connection. What it asks for, and who it is, is known above.
struct client_end {
  client_end(shard_core& owner, client_address whence)
    : shard(owner), wakes(owner.loop), reader(owner.loop, client, wakes), held(owner.loop.memory()),
      from(whence) {}
  client_end(const client_end&) = delete;
  client_end& operator=(const client_end&) = delete;

  [[nodiscard]] const config::timeouts& timeouts() const noexcept {
    return shard.config().timeouts;
  }
  [[nodiscard]] steady_time in(std::chrono::milliseconds time) const noexcept {
    return shard.loop.now() + time;
  }
  /// Counts what its buffers hold now, and what it costs by itself.
  void holds(size_t buffers) noexcept {
    constexpr size_t plain = 4 * 1024, in_tls = 24 * 1024;
    held.set(plain + (client.is_tls() ? in_tls : 0) + buffers);
  }

  shard_core& shard;
  waker wakes;
  transport client;
  proxy::reader reader;
  held_bytes held; ///< What it has of the loop's memory; `holds` sets it.
  const client_address from;
  bool draining = false; ///< Takes nothing new.
  bool leaving = false;  ///< Besides, waits for nothing that the client has begun to say.
};

} // namespace proxy
