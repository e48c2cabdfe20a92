#include "actors/loop/datagram_socket.hpp"

#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "actors/loop/platform.hpp"

namespace proxy {

namespace {

/// Receive buffer asked for: a burst must survive until the loop comes round.
constexpr int receive_buffer = 512 * 1024;

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
  fd = platform::open_socket(bind_to.family(), SOCK_DGRAM, IPPROTO_UDP);
  if (fd < 0)
    return errno;
  int one = 1;
  if (bind_to.family() == AF_INET6)
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  platform::join_received_datagrams(fd);
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

} // namespace proxy
