#pragma once

#include <sys/types.h>

#include <cstddef>

namespace proxy::tls {

/// What carries the records of a session: a socket, or what a test has in its place. As recv(2) and
/// send(2) of a socket that does not wait: -1 and errno, EAGAIN when nothing moves now; 0 at the
/// end of what the other end sends. Outlives the session.
class carrier {
public:
  [[nodiscard]] virtual ssize_t receive(char* into, size_t room) noexcept = 0;
  /// @param more  More is sent right after: better to wait for it.
  [[nodiscard]] virtual ssize_t send(const char* bytes, size_t count, bool more) noexcept = 0;

protected:
  ~carrier() = default;
};

} // namespace proxy::tls
