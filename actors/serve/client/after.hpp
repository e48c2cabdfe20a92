#pragma once

#include <cstdint>

namespace proxy {

/// What follows on an exchange.
enum class after : uint8_t {
  next_request,
  close,
  close_in_steps, ///< Our last bytes may still be on their way.
  reset,          ///< What the client has must not look whole.
  tunnel,
  association,
  socks,
  streams,
  first_bytes, ///< A tunnel to be read: what its client says first decides (`begin_inside`).
  refusal,     ///< A refused tunnel, to be told so inside (`begin_refused`).
};

} // namespace proxy
