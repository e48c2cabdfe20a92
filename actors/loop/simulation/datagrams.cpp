#include "actors/loop/simulation/datagrams.hpp"

#include <algorithm>
#include <cerrno>

#include "actors/loop/simulation/node.hpp"

namespace proxy::simulation {

void datagrams::close() { on_.leaves_port(*this); }

int datagrams::bind(const ip_sockaddr& at) {
  if (!at.ip())
    return failed(EAFNOSUPPORT);
  auto port = at.port() == 0 ? on_.free_port() : at.port();
  local_ = make_sockaddr(*at.ip(), port);
  if (!on_.takes_port(*this))
    return failed(EADDRINUSE);
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
  auto* there = ip ? on_.net().find(on_, *ip) : nullptr;
  if (!there)
    return ENETUNREACH;
  bind_anywhere(*ip);
  auto& net = on_.net();
  const auto& way = net.conditions_between(on_, *there);
  auto times = net.chance().happens(way.lost) ? 0 : net.chance().happens(way.doubled) ? 2 : 1;
  if (way.swallows)
    times = 0;
  auto from = make_sockaddr(*on_.own_end(*ip).ip(), local_.port());
  auto self = std::static_pointer_cast<datagrams>(shared_from_this());
  for (; times > 0; --times)
    net.at(net.arrival(on_, *there, bytes.size(), nullptr), [self, there, to, from, bytes] {
      if (auto* who = there->datagrams_at(to))
        return who->receive({from, bytes});
      auto& back = there->net();
      back.at(back.arrival(*there, self->on_, 0, nullptr), [self] { self->is_refused(); });
    });
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
