#include "actors/loop/datagram_socket.hpp"

#include <fcntl.h>
#include <netinet/udp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace proxy {

namespace {

/// Receive buffer asked for: a burst must survive until the loop comes round.
constexpr int receive_buffer = 512 * 1024;

/// Messages that one call sends.
constexpr size_t messages_per_call = 32;

/// Datagrams in a row that goes out as one message, and their longest size: a row must fit one IP
/// packet, and each of its datagrams the way to anywhere.
constexpr size_t max_segments = 64;
constexpr size_t max_segment_size = 1400;
constexpr size_t max_row_size = 65'000;

} // namespace

void datagram_queue::put(const ip_sockaddr& to, std::string_view header, std::string_view data) {
  items_.push_back({&to, parts_.size(), header.size() + data.size()});
  for (auto part : {header, data})
    if (!part.empty())
      parts_.push_back({const_cast<char*>(part.data()), part.size()});
}

size_t datagram_queue::parts_end(size_t item) const noexcept {
  return item + 1 < items_.size() ? items_[item + 1].first_part : parts_.size();
}

datagram_queue::group datagram_queue::group_at(size_t first, bool join) const noexcept {
  group out{first, first + 1};
  auto step = items_[first].size;
  if (!join || step == 0 || step > max_segment_size)
    return out;
  for (auto total = step; out.last < items_.size() && out.last - first < max_segments; ++out.last) {
    const auto& next = items_[out.last];
    total += next.size;
    if (next.to != items_[first].to || next.size == 0 || next.size > step || total > max_row_size)
      break;
    if (next.size < step) { // a short one ends the row
      ++out.last;
      break;
    }
  }
  return out;
}

int datagram_socket::open(event_loop& on, const ip_sockaddr& bind_to, ready_handler* wakes) {
  close();
  fd = ::socket(bind_to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  if (fd < 0)
    return errno;
  int one = 1;
  if (bind_to.family() == AF_INET6)
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
#ifdef UDP_GRO
  ::setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one);
#endif
  ready = 0;
  loop_ = &on;
  waker_ = wakes;
  if (::bind(fd, bind_to.get(), bind_to.size) == 0 && on.watch(*this))
    return 0;
  auto error = errno;
  ::close(std::exchange(fd, -1));
  return error;
}

void datagram_socket::close() noexcept {
  if (fd < 0)
    return;
  loop_->forget(*this);
  ::close(std::exchange(fd, -1));
  ready = 0;
}

ip_sockaddr datagram_socket::bound() const noexcept {
  ip_sockaddr out;
  (void)::getsockname(fd, out.get(), &out.size);
  return out;
}

#ifdef __linux__

namespace {

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

#else

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
  message.msg_iovlen = static_cast<int>(what.parts_end(at) - item.first_part);
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

#endif

} // namespace proxy
