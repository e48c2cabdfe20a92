#include "actors/loop/tcp_options.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace proxy {

namespace {

/// Silence before the first probe, in seconds. Translators forget after some minutes.
constexpr int idle_before_probe = 60;

} // namespace

void probe_when_idle(int descriptor) noexcept {
#ifdef TCP_KEEPIDLE
  constexpr int idle_option = TCP_KEEPIDLE;
#else
  constexpr int idle_option = TCP_KEEPALIVE; // its name elsewhere
#endif
  int on = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(descriptor, IPPROTO_TCP, idle_option, &idle_before_probe, sizeof idle_before_probe);
}

} // namespace proxy
