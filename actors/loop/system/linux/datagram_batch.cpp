#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "actors/loop/datagram_buffer.hpp"
#include "actors/loop/system/platform.hpp"

/// Many datagrams a call, and rows of them as one message.

namespace proxy::platform {

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

ssize_t receive_rows(int socket, datagram_buffer& into) noexcept {
  std::array<mmsghdr, datagram_buffer::slots> messages{};
  std::array<iovec, datagram_buffer::slots> parts;
  std::array<control, datagram_buffer::slots> controls;
  for (size_t i = 0; i < messages.size(); ++i) {
    auto& m = messages[i].msg_hdr;
    parts[i] = {into.slot(i), datagram_buffer::slot_size};
    m.msg_name = into.at(i).from.get();
    m.msg_namelen = sizeof(sockaddr_storage);
    m.msg_iov = &parts[i];
    m.msg_iovlen = 1;
    m.msg_control = controls[i].room;
    m.msg_controllen = sizeof controls[i].room;
  }
  auto n = ::recvmmsg(socket, messages.data(), messages.size(), 0, nullptr);
  for (size_t i = 0; n > 0 && i < static_cast<size_t>(n); ++i) {
    into.at(i).size = messages[i].msg_len;
    into.at(i).segment = segment_of(messages[i].msg_hdr);
    into.at(i).from.size = messages[i].msg_hdr.msg_namelen;
  }
  return n;
}

ssize_t send_rows(int socket, std::span<const datagram_row> rows) noexcept {
  std::array<mmsghdr, messages_per_call> messages{};
  std::array<control, messages_per_call> controls;
  auto count = std::min(rows.size(), messages.size());
  for (size_t i = 0; i < count; ++i) {
    auto& m = messages[i].msg_hdr;
    m.msg_name = const_cast<sockaddr*>(rows[i].to->get());
    m.msg_namelen = rows[i].to->size;
    m.msg_iov = const_cast<iovec*>(rows[i].parts.data());
    m.msg_iovlen = rows[i].parts.size();
    if (rows[i].segment != 0)
      ask_for_segments(m, controls[i], rows[i].segment);
  }
  return ::sendmmsg(socket, messages.data(), static_cast<unsigned>(count), 0);
}

} // namespace proxy::platform
