#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "actors/loop/system/network.hpp"
#include "actors/loop/wake_ends.hpp"

/// What systems do in different ways, in one place: `linux/` has the calls of Linux, `posix/` what
/// any other system has, and the build takes one of the two folders. Nothing outside of them uses a
/// call, flag or file that Linux alone has.

namespace proxy::platform {

/// Opens a socket that no child inherits and that raises no SIGPIPE.
/// @returns the descriptor, or -1 with errno.
[[nodiscard]] int open_socket(int family, int type, int protocol = 0) noexcept;
/// Accepts a connection as `open_socket` opens one. @returns the descriptor, or -1 with errno.
[[nodiscard]] int accept_connection(int listener, sockaddr* peer, socklen_t* size) noexcept;

/// What another thread writes to so that a loop has something to read: one descriptor or two.
/// @returns -1 twice when descriptors have run out.
[[nodiscard]] wake_ends open_wake_ends() noexcept;

/// A pipe between sockets of at most `capacity` bytes; none where bytes cannot go without copying.
[[nodiscard]] pipe_ends open_splice_pipe(size_t capacity) noexcept;
/// Moves bytes from a socket into such a pipe, and out of it. @returns as read(2) and write(2) do.
[[nodiscard]] ssize_t splice_in(int socket, int pipe, size_t limit) noexcept;
[[nodiscard]] ssize_t splice_out(int pipe, int socket, size_t size, bool more) noexcept;

/// Lets the kernel hand over several datagrams of one sender as one, where it can.
void join_received_datagrams(int socket) noexcept;
/// As `network::receive` and `network::send`.
[[nodiscard]] ssize_t receive_rows(int socket, datagram_buffer& into) noexcept;
[[nodiscard]] ssize_t send_rows(int socket, std::span<const datagram_row> rows) noexcept;
/// As `network::translated_address`.
[[nodiscard]] std::optional<ip_sockaddr> translated_address(int socket) noexcept;

/// What hands the kernel several calls at once; nullptr, with errno, where there is no such thing
/// (ENOSYS), or it is forbidden (EPERM).
[[nodiscard]] std::unique_ptr<call_executor> make_ring();

/// Cores that this process may run on, and the share of cores that it may use; 0: no limit known.
[[nodiscard]] size_t allowed_cores() noexcept;
[[nodiscard]] double core_quota();
/// Bytes of memory that this process may use; 0: no limit known.
[[nodiscard]] double memory_quota();

/// What this process has in use; 0 where the system does not tell.
struct usage {
  uint64_t virtual_bytes = 0;
  uint64_t resident_bytes = 0;
  uint64_t descriptors = 0;
};
[[nodiscard]] usage current_usage();
/// Threads of this process; 0 where the system does not tell.
[[nodiscard]] size_t current_threads() noexcept;

} // namespace proxy::platform
