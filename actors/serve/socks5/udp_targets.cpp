#include "actors/serve/socks5/udp_targets.hpp"

#include <cstring>

#include "policy/ip_class.hpp"
#include "protocols/socks5/datagram.hpp"

namespace proxy {

std::string_view udp_target::address() const noexcept {
  return std::string_view{header}.substr(socks5::datagram_fixed_bytes);
}

size_t udp_targets::peer_hash::operator()(const peer_key& k) const noexcept {
  std::string_view bytes{reinterpret_cast<const char*>(k.ip.bytes().data()), k.ip.bytes().size()};
  return std::hash<std::string_view>{}(bytes)*31 + k.port;
}

udp_target* udp_targets::find(std::string_view address) {
  if (!targets_.empty() && targets_.back().address() == address)
    return &targets_.back();
  auto found = by_address_.find(address);
  if (found == by_address_.end())
    return nullptr;
  targets_.splice(targets_.end(), targets_, found->second);
  return &*found->second;
}

udp_target* udp_targets::from(const ip_sockaddr& peer) {
  if (last_from_ && last_from_->at.size == peer.size &&
      std::memcmp(&last_from_->at.storage, &peer.storage, peer.size) == 0)
    return last_from_;
  auto ip = peer.ip();
  auto found = ip ? by_peer_.find({*ip, peer.port()}) : by_peer_.end();
  return last_from_ = found == by_peer_.end() ? nullptr : found->second;
}

udp_target& udp_targets::add(std::string_view address, size_t max) {
  while (targets_.size() >= max)
    drop_oldest();
  auto& made = targets_.emplace_back();
  char header[socks5::max_datagram_header];
  made.header.assign(header, socks5::write_datagram_header(header, address));
  by_address_.emplace(made.address(), std::prev(targets_.end()));
  return made;
}

void udp_targets::open(udp_target& t, const fresh_pass&) {
  forget_peer(t);
  const auto& ip = t.leads->addresses()[t.chosen];
  t.at = make_sockaddr(ip, t.to.port);
  t.stands_for = policy::embedded_v4(ip);
  if (t.stands_for.value_or(ip) == ip_address::v4(0))
    t.stands_for = ip_address::v4(0x7F000001); // as Linux takes it
  else if (ip == ip_address{})
    t.stands_for = ip_address::parse("::1");
  t.is = udp_target::state::open;
  by_peer_[{ip, t.to.port}] = &t; // two names of one address: answers belong to the newer
  last_from_ = nullptr;
}

void udp_targets::move_on(udp_target& t, size_t chosen, const fresh_pass& fresh) {
  forget_peer(t);
  t.is = udp_target::state::resolving; // no peer to forget any more
  t.chosen = chosen;
  open(t, fresh);
}

void udp_targets::close(udp_target& t, steady_time until) {
  forget_peer(t);
  t.is = udp_target::state::closed;
  t.closed_until = until;
  t.granted.reset();
  t.leads.reset();
  t.waiting = {};
}

void udp_targets::forget_peer(udp_target& t) {
  if (last_from_ == &t)
    last_from_ = nullptr;
  if (t.is != udp_target::state::open)
    return;
  auto found = by_peer_.find({t.leads->addresses()[t.chosen], t.to.port});
  if (found != by_peer_.end() && found->second == &t)
    by_peer_.erase(found);
}

void udp_targets::drop_oldest() {
  auto& oldest = targets_.front();
  forget_peer(oldest);
  by_address_.erase(oldest.address());
  targets_.pop_front();
}

} // namespace proxy
