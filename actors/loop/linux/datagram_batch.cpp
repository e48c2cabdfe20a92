#include <netinet/in.h>
#include <netinet/udp.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "actors/loop/datagram_socket.hpp"

/// The batches of `datagram_socket`: many datagrams a call, and rows of them as one message.

namespace proxy {

namespace {

/// Messages that one call sends.
constexpr size_t messages_per_call = 32;

/// Room for one control message that holds an int.
union control {
  char room[CMSG_SPACE(sizeof(int))];
  cmsghdr align;
};

/// The size of the datagrams that a received message is made of, 0 when it is one.
size_t segment_of(msghdr& message) noexcept {
  for (auto* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
      continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(c), sizeof size);
    return size > 0 ? static_cast<size_t>(size) : 0;
  }
  return 0;
}

void ask_for_segments(msghdr& message, control& room, size_t size) noexcept {
  message.msg_control = room.room;
  message.msg_controllen = CMSG_SPACE(sizeof(uint16_t));
  auto* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = IPPROTO_UDP;
  c->cmsg_type = UDP_SEGMENT;
  c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  auto step = static_cast<uint16_t>(size);
  std::memcpy(CMSG_DATA(c), &step, sizeof step);
}

} // namespace

bool datagram_socket::receive(datagram_buffer& into) noexcept {
  std::array<mmsghdr, datagram_buffer::slots> messages{};
  std::array<iovec, datagram_buffer::slots> parts;
  std::array<control, datagram_buffer::slots> controls;
  for (size_t i = 0; i < messages.size(); ++i) {
    auto& m = messages[i].msg_hdr;
    parts[i] = {into.slot(i), datagram_buffer::slot_size};
    m.msg_name = into.slots_[i].from.get();
    m.msg_namelen = sizeof(sockaddr_storage);
    m.msg_iov = &parts[i];
    m.msg_iovlen = 1;
    m.msg_control = controls[i].room;
    m.msg_controllen = sizeof controls[i].room;
  }
  auto n = ::recvmmsg(fd, messages.data(), messages.size(), 0, nullptr);
  into.used_ = n > 0 ? static_cast<size_t>(n) : 0;
  // Fewer than there was room for means that there are no more; so does EAGAIN. An error that was
  // waiting (an ICMP message) is news of one datagram, not an end.
  if (into.used_ < messages.size() && (n >= 0 || errno == EAGAIN || errno == EWOULDBLOCK))
    ready &= static_cast<uint8_t>(~io_in);
  for (size_t i = 0; i < into.used_; ++i) {
    into.slots_[i].size = messages[i].msg_len;
    into.slots_[i].segment = segment_of(messages[i].msg_hdr);
    into.slots_[i].from.size = messages[i].msg_hdr.msg_namelen;
  }
  return into.used_ > 0;
}

size_t datagram_socket::send_some(datagram_queue& what, size_t at, sent& out, int& error) noexcept {
  std::array<mmsghdr, messages_per_call> messages{};
  std::array<control, messages_per_call> controls;
  std::array<datagram_queue::group, messages_per_call> groups;
  size_t count = 0;
  for (auto next = at; next < what.items_.size() && count < messages.size(); ++count) {
    auto g = groups[count] = what.group_at(next, segments_);
    const auto& first = what.items_[g.first];
    auto& m = messages[count].msg_hdr;
    m.msg_name = const_cast<sockaddr*>(first.to->get());
    m.msg_namelen = first.to->size;
    m.msg_iov = what.parts_.data() + first.first_part;
    m.msg_iovlen = what.parts_end(g.last - 1) - first.first_part;
    if (g.last - g.first > 1)
      ask_for_segments(m, controls[count], first.size);
    next = g.last;
  }
  auto n = ::sendmmsg(fd, messages.data(), static_cast<unsigned>(count), 0);
  if (n > 0) {
    auto last = groups[static_cast<size_t>(n) - 1].last;
    out.datagrams += last - at;
    return last;
  }
  auto refused = groups[0];
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM) {
    out.dropped += what.items_.size() - at;
    return what.items_.size();
  }
  if (errno == EINTR)
    return at;
  if (refused.last - refused.first > 1) {
    segments_ = false; // not by this way, or not by this kernel: one by one works everywhere
    return at;
  }
  error = errno;
  ++out.dropped;
  return refused.last;
}

} // namespace proxy
