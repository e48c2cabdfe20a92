#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "actors/loop/calls/socket_call.hpp"
#include "actors/loop/poller.hpp"
#include "actors/loop/system/pipe_ends.hpp"
#include "actors/loop/system/sockaddr.hpp"

namespace proxy {

class datagram_buffer;

/// What a socket is opened for, which decides its options.
enum class socket_kind : uint8_t {
  stream,        ///< TCP.
  listener,      ///< What it accepts sends at once, and is kept alive.
  datagram,      ///< UDP, one datagram a call.
  datagram_rows, ///< UDP for many: large buffers, rows of one sender's datagrams as one.
};

/// Datagrams that go to one place as one message.
struct datagram_row {
  const ip_sockaddr* to = nullptr;
  std::span<const iovec> parts;
  size_t segment = 0; ///< Size of each datagram but the last; 0: there is one.
};

/// The network that the sockets of a loop belong to: that of this machine, or one that a test makes
/// up. A socket is known by its descriptor. No call waits, and each fails as the system's does:
/// with -1, and errno. May be used on any thread.
class network {
public:
  virtual ~network() = default;

  /// How a loop learns which of its sockets are ready.
  /// @throws std::runtime_error when descriptors have run out.
  [[nodiscard]] virtual std::unique_ptr<poller> make_poller() = 0;

  /// What makes the calls of a turn where that costs less together than one by one; nullptr, with
  /// errno, where there is no such way (ENOSYS), or it is forbidden.
  [[nodiscard]] virtual std::unique_ptr<call_executor> make_executor() = 0;

  // -- opening and closing --

  /// @param family  AF_INET, AF_INET6, or AF_UNIX.
  [[nodiscard]] virtual int open(socket_kind kind, int family) noexcept = 0;
  /// A descriptor that stands for nothing: one that can be given up (`descriptor_reserve`).
  [[nodiscard]] virtual int open_spare() noexcept = 0;
  virtual void close(int fd) noexcept = 0;
  /// Closes with a reset, so that the peer cannot take what it has for the whole.
  virtual void reset(int fd) noexcept = 0;
  /// Begins to connect: EINPROGRESS is the usual answer, and readiness to write the end of it.
  virtual int connect(int fd, const sockaddr* to, socklen_t size) noexcept = 0;
  /// The error that connecting ended with, 0 for none.
  [[nodiscard]] virtual int take_error(int fd) noexcept = 0;
  virtual int bind(int fd, const sockaddr* at, socklen_t size) noexcept = 0;
  /// Whether others of this user that say so too may be bound to a listener's address.
  virtual void share_port(int fd, bool share) noexcept = 0;
  virtual int listen(int fd) noexcept = 0;
  /// @returns the descriptor of a connection, and who it is with in `peer`.
  [[nodiscard]] virtual int accept(int listener, ip_sockaddr& peer) noexcept = 0;

  /// From now on small writes do not wait for each other to be acknowledged (TCP_NODELAY).
  virtual void send_at_once(int fd) noexcept = 0;
  /// From now on the system asks a silent peer of a TCP connection every now and then whether it is
  /// still there (RFC 9293 §3.8.4).
  virtual void keep_alive(int fd) noexcept = 0;

  // -- addresses --

  /// Of our end.
  [[nodiscard]] virtual ip_sockaddr local_address(int fd) const noexcept = 0;
  /// Of the other end: unix sockets too.
  [[nodiscard]] virtual ip_sockaddr peer_address(int fd) const noexcept = 0;
  /// The address that the peer of an accepted socket connected to, where the system led the
  /// connection here instead (DNAT, REDIRECT); nullopt when it did not, or does not say.
  [[nodiscard]] virtual std::optional<ip_sockaddr> translated_address(int fd) const noexcept = 0;
  /// Whether there is a way to an address, as far as this machine knows: nothing is sent.
  [[nodiscard]] virtual bool has_way_to(const ip_sockaddr& to) noexcept = 0;

  // -- streams --

  /// @returns 0 at the end of what the peer sends.
  [[nodiscard]] virtual ssize_t read(int fd, std::span<char> into) noexcept = 0;
  /// The same, and leaves it to be read.
  [[nodiscard]] virtual ssize_t peek(int fd, std::span<char> into) noexcept = 0;
  /// @param more  More is written right after: better to wait for it.
  [[nodiscard]] virtual ssize_t write(int fd, std::string_view bytes, bool more) noexcept = 0;
  [[nodiscard]] virtual ssize_t write(int fd, std::span<const iovec> parts) noexcept = 0;
  /// Sends the end of stream.
  virtual void shutdown_write(int fd) noexcept = 0;
  /// A pipe of at most `capacity` bytes that sockets splice through; none where there is no such
  /// thing.
  [[nodiscard]] virtual pipe_ends open_pipe(size_t capacity) noexcept = 0;
  /// Moves bytes from a socket into a pipe, and out of it, without copying them.
  [[nodiscard]] virtual ssize_t splice_in(int fd, int pipe, size_t limit) noexcept = 0;
  [[nodiscard]] virtual ssize_t splice_out(int pipe, int fd, size_t size, bool more) noexcept = 0;

  // -- datagrams --

  /// Receives rows. @returns how many: fewer than there is room for when there are no more.
  [[nodiscard]] virtual ssize_t receive(int fd, datagram_buffer& into) noexcept = 0;
  /// Sends rows from the first on. @returns how many, of which one is enough not to fail. A row of
  /// several datagrams may be refused where they would go one by one.
  [[nodiscard]] virtual ssize_t send(int fd, std::span<const datagram_row> rows) noexcept = 0;

  // -- for libraries that have socket calls of their own --

  [[nodiscard]] virtual ssize_t receive_from(int fd, std::span<char> into,
                                             ip_sockaddr* from) noexcept = 0;
  /// What a socket is ready for at this moment: io_in, io_out.
  [[nodiscard]] virtual uint8_t readiness(int fd) noexcept = 0;
};

} // namespace proxy
