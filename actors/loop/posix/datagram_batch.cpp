#include <cerrno>

#include "actors/loop/datagram_socket.hpp"

/// The batches of `datagram_socket` where a call moves one datagram.

namespace proxy {

bool datagram_socket::receive(datagram_buffer& into) noexcept {
  into.used_ = 0;
  for (; into.used_ < datagram_buffer::slots; ++into.used_) {
    auto& row = into.slots_[into.used_];
    row.from.size = sizeof(sockaddr_storage);
    auto n = ::recvfrom(fd, into.slot(into.used_), datagram_buffer::slot_size, 0, row.from.get(),
                        &row.from.size);
    if (n < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK)
        ready &= static_cast<uint8_t>(~io_in);
      break;
    }
    row.size = static_cast<size_t>(n);
    row.segment = 0;
  }
  return into.used_ > 0;
}

size_t datagram_socket::send_some(datagram_queue& what, size_t at, sent& out, int& error) noexcept {
  const auto& item = what.items_[at];
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(item.to->get());
  message.msg_namelen = item.to->size;
  message.msg_iov = what.parts_.data() + item.first_part;
  message.msg_iovlen =
    static_cast<decltype(message.msg_iovlen)>(what.parts_end(at) - item.first_part);
  if (::sendmsg(fd, &message, 0) >= 0) {
    ++out.datagrams;
  } else if (errno == EINTR) {
    return at;
  } else {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
      error = errno;
    ++out.dropped;
  }
  return at + 1;
}

} // namespace proxy
