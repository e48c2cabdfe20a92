#include "actors/net/datagram_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace proxy {

namespace {

/// Datagrams in a row that goes out as one message, and their longest size: a row must fit one IP
/// packet, and each of its datagrams the way to anywhere.
constexpr size_t max_segments = 64;
constexpr size_t max_segment_size = 1400;
constexpr size_t max_row_size = 65'000;

/// Messages that one call sends.
constexpr size_t messages_per_call = 32;

} // namespace

void datagram_queue::put(const ip_sockaddr& to, std::string_view header, std::string_view data) {
  items_.push_back({&to, parts_.size(), header.size() + data.size()});
  for (auto part : {header, data})
    if (!part.empty())
      parts_.push_back({const_cast<char*>(part.data()), part.size()});
}

size_t datagram_queue::parts_end(size_t of) const noexcept {
  return of + 1 < items_.size() ? items_[of + 1].first_part : parts_.size();
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
  loop_ = &on; // first: one that could not be opened says so when it is to send
  waker_ = wakes;
  ready = 0;
  fd = on.network().open(socket_kind::datagram_rows, bind_to.family());
  if (fd < 0)
    return errno;
  if (on.network().bind(fd, bind_to.get(), bind_to.size) == 0 && on.watch(*this))
    return 0;
  auto error = errno;
  on.network().close(std::exchange(fd, -1));
  return error;
}

void datagram_socket::close() noexcept {
  if (fd < 0)
    return;
  loop_->forget(*this);
  loop_->network().close(std::exchange(fd, -1));
  ready = 0;
}

bool datagram_socket::receive(datagram_buffer& into) noexcept {
  auto n = loop_->network().receive(fd, into);
  auto rows = n > 0 ? static_cast<size_t>(n) : 0;
  into.fill(rows);
  // Fewer than there was room for means that there are no more; so does EAGAIN. An error that was
  // waiting (an ICMP message) is news of one datagram, not an end.
  if (rows < datagram_buffer::slots && (n >= 0 || errno == EAGAIN || errno == EWOULDBLOCK))
    ready &= static_cast<uint8_t>(~io_in);
  return rows > 0;
}

size_t datagram_socket::send_some(datagram_queue& what, size_t at, sent& out, int& error) noexcept {
  std::array<datagram_row, messages_per_call> rows;
  std::array<datagram_queue::group, messages_per_call> groups;
  size_t count = 0;
  for (auto next = at; next < what.items_.size() && count < rows.size(); ++count) {
    auto g = groups[count] = what.group_at(next, rows_);
    const auto& first = what.items_[g.first];
    rows[count].to = first.to;
    rows[count].parts = {what.parts_.data() + first.first_part,
                         what.parts_end(g.last - 1) - first.first_part};
    rows[count].segment = g.last - g.first > 1 ? first.size : 0;
    next = g.last;
  }
  auto n = loop_->network().send(fd, std::span{rows}.first(count));
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
    rows_ = false; // not by this way, or not by this kernel: one by one works everywhere
    return at;
  }
  error = errno;
  ++out.dropped;
  return refused.last;
}

} // namespace proxy
