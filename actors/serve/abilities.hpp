#pragma once

#include <caf/actor_control_block.hpp>

#include <functional>
#include <string>

namespace proxy {

/// What a proxy serves beyond what it serves everywhere. The default is what the system it was
/// built for has; no configuration changes it.
struct abilities {
  /// Hears of each actor without which the proxy ends, from any thread: tests end one of them.
  std::function<void(const std::string& name, const caf::strong_actor_ptr& who)> watched{};
#ifdef __APPLE__
  bool unix_sockets = true;
#else
  bool unix_sockets = false; ///< Requests with `x-unix-socket`.
#endif
};

} // namespace proxy
