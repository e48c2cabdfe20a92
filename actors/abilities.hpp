#pragma once

namespace proxy {

/// What a proxy serves beyond what it serves everywhere. The default is what the system it was
/// built for has; no configuration changes it.
struct abilities {
#ifdef __APPLE__
  bool unix_sockets = true;
#else
  bool unix_sockets = false; ///< Requests with `x-unix-socket`.
#endif
};

} // namespace proxy
