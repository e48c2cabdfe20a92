#include <cerrno>

#include "actors/loop/datagram_buffer.hpp"
#include "actors/loop/system/platform.hpp"

/// Rows of datagrams where a call moves one.

namespace proxy::platform {

namespace {

bool send_one(int socket, const datagram_row& row) noexcept {
  if (row.segment != 0) {
    errno = EINVAL; // several datagrams are several messages here
    return false;
  }
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(row.to->get());
  message.msg_namelen = row.to->size;
  message.msg_iov = const_cast<iovec*>(row.parts.data());
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(row.parts.size());
  return ::sendmsg(socket, &message, 0) >= 0;
}

} // namespace

ssize_t receive_rows(int socket, datagram_buffer& into) noexcept {
  ssize_t count = 0;
  for (size_t i = 0; i < datagram_buffer::slots; ++i, ++count) {
    auto& row = into.at(i);
    row.from.size = sizeof(sockaddr_storage);
    auto n = ::recvfrom(socket, into.slot(i), datagram_buffer::slot_size, 0, row.from.get(),
                        &row.from.size);
    if (n < 0)
      return count > 0 ? count : -1;
    row.size = static_cast<size_t>(n);
    row.segment = 0;
  }
  return count;
}

ssize_t send_rows(int socket, std::span<const datagram_row> rows) noexcept {
  ssize_t count = 0;
  for (const auto& row : rows) {
    if (!send_one(socket, row))
      return count > 0 ? count : -1;
    ++count;
  }
  return count;
}

} // namespace proxy::platform
