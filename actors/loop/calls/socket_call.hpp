#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace proxy {

class io_source;
class network;
class poller;
struct ip_sockaddr;

/// A call on a socket that does not wait: what it is to do, and what it came to.
struct socket_call {
  enum class kind : uint8_t {
    none,   ///< Was taken back.
    read,   ///< As `network::read`.
    write,  ///< As `network::write`.
    accept, ///< As `network::accept`.
    watch,  ///< As `poller::add`.
    close,  ///< As `network::close`.
  };
  kind what = kind::none;
  int fd = -1;
  char* bytes = nullptr;       ///< Room for what is read, or what is written.
  size_t size = 0;             ///< Of these.
  size_t place = 0;            ///< For who queued it: which of several it is.
  ip_sockaddr* peer = nullptr; ///< Whoever is accepted.
  io_source* source = nullptr; ///< What is watched, and by whom.
  poller* by = nullptr;
  ssize_t result = 0; ///< As the call returns it; the error, negative, where that is -1.
};

/// What makes calls that have been gathered.
class call_executor {
public:
  virtual ~call_executor() = default;
  /// Makes them in this order and fills in their results. When it returns, all are over.
  virtual void run(std::span<socket_call> calls) noexcept = 0;
  /// Whether it has had to give up making calls together, and makes them one by one: errno of why,
  /// or 0.
  [[nodiscard]] virtual int gave_up() const noexcept { return 0; }
};

/// Makes one call after the other.
[[nodiscard]] std::unique_ptr<call_executor> make_plain_executor(network& on);

} // namespace proxy
