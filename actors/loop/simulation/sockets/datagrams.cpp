#include "actors/loop/simulation/sockets/datagrams.hpp"

#include <algorithm>
#include <cerrno>

#include "actors/loop/simulation/node.hpp"

namespace proxy::simulation {

namespace {

/// What an IP packet has room for behind its header, if it has one, and UDP's.
size_t longest(const ip_address& to) { return to.is_v4() ? 65'535 - 20 - 8 : 65'535 - 8; }

/// Whether two have one sender.
bool is_of(const datagrams::item& one, const datagrams::item& other) {
  return one.from.ip() == other.from.ip() && one.from.port() == other.from.port();
}

} // namespace

void datagrams::close() { on_.leaves_port(*this); }

int datagrams::bind(const ip_sockaddr& at) {
  if (!at.ip())
    return failed(EAFNOSUPPORT);
  if (!on_.may_be_bound(*at.ip()))
    return failed(EADDRNOTAVAIL);
  local_ = make_sockaddr(*at.ip(), at.port() == 0 ? on_.free_port() : at.port());
  if (!on_.takes_port(*this)) {
    local_ = {};
    return failed(EADDRINUSE);
  }
  bound_ = true;
  return 0;
}

void datagrams::bind_anywhere(const ip_address& towards) {
  if (!bound_)
    (void)bind(make_sockaddr(towards.is_v4() ? ip_address::v4(0) : ip_address{}, 0));
}

int datagrams::connect(const ip_sockaddr& to) {
  if (!to.ip() || !on_.net().find(on_, *to.ip()))
    return failed(ENETUNREACH);
  bind_anywhere(*to.ip());
  remote_ = to;
  connected_ = true;
  return 0;
}

int datagrams::send_to(const ip_sockaddr& to, std::string bytes) {
  if (auto error = std::exchange(error_, 0); error != 0)
    return error;
  auto ip = to.ip();
  if (!ip || to.port() == 0)
    return EINVAL;
  if (bytes.size() > longest(*ip))
    return EMSGSIZE;
  auto* there = on_.net().find(on_, *ip);
  if (!there)
    return ENETUNREACH;
  bind_anywhere(*ip);
  auto& net = on_.net();
  const auto& way = net.conditions_between(on_, *there);
  auto times = net.chance().happens(way.lost) ? 0 : net.chance().happens(way.doubled) ? 2 : 1;
  if (way.swallows)
    times = 0;
  // From the address that it is bound to, if that is one.
  auto from = on_.has(*local_.ip()) ? local_ : make_sockaddr(*on_.own_end(*ip).ip(), local_.port());
  auto self = std::static_pointer_cast<datagrams>(shared_from_this());
  for (; times > 0; --times)
    net.at(net.arrival(on_, *there, bytes.size(), nullptr), [self, there, to, from, bytes] {
      if (auto* who = there->datagrams_at(to))
        return who->receive({from, bytes, 0});
      auto& back = there->net();
      back.at(back.arrival(*there, self->on_, 0, nullptr), [self] { self->is_refused(); });
    });
  return 0;
}

int datagrams::send_row(const ip_sockaddr& to, const std::string& bytes, size_t segment) {
  if (segment == 0)
    return send_to(to, bytes);
  if (segment > longest_in_row || bytes.size() > segment * most_in_row)
    return EINVAL;
  if (to.ip() && bytes.size() > longest(*to.ip()))
    return EMSGSIZE;
  for (size_t at = 0; at < bytes.size(); at += segment)
    if (auto error = send_to(to, bytes.substr(at, segment)); error != 0)
      return error; // of the first one: nothing stands in the way of the others
  return 0;
}

void datagrams::is_refused() {
  if (!connected_)
    return; // an unconnected socket hears of it only where it asks to
  error_ = ECONNREFUSED;
  touch();
}

void datagrams::receive(item what) {
  if (connected_ && (what.from.ip() != remote_.ip() || what.from.port() != remote_.port()))
    return;
  if (queue_.size() >= most)
    return;
  queue_.push_back(std::move(what));
  touch();
}

std::optional<datagrams::item> datagrams::take() {
  if (auto error = std::exchange(error_, 0); error != 0) {
    errno = error;
    return std::nullopt;
  }
  if (queue_.empty()) {
    errno = EAGAIN;
    return std::nullopt;
  }
  auto first = std::move(queue_.front());
  queue_.pop_front();
  return first;
}

std::optional<datagrams::item> datagrams::take_row(size_t limit) {
  auto row = take();
  if (!row || !joins_ || row->bytes.empty())
    return row;
  const auto step = row->bytes.size();
  for (size_t count = 1; count < most_in_row && !queue_.empty(); ++count) {
    const auto& next = queue_.front();
    auto size = next.bytes.size();
    if (size == 0 || size > step || row->bytes.size() + size > limit || !is_of(next, *row))
      break;
    row->bytes += next.bytes;
    row->segment = step;
    queue_.pop_front();
    if (size < step) // a short one ends the row
      break;
  }
  return row;
}

ssize_t datagrams::read(std::span<char> into, bool leave) {
  if (leave)
    return failed(EOPNOTSUPP);
  auto got = take();
  if (!got)
    return -1;
  auto size = std::min(into.size(), got->bytes.size());
  std::copy_n(got->bytes.data(), size, into.data());
  return static_cast<ssize_t>(size);
}

ssize_t datagrams::write(std::span<const iovec> parts) {
  if (!connected_)
    return failed(EDESTADDRREQ);
  std::string bytes;
  for (const auto& part : parts)
    bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
  auto size = bytes.size();
  auto error = send_to(remote_, std::move(bytes));
  return error == 0 ? static_cast<ssize_t>(size) : failed(error);
}

} // namespace proxy::simulation
