#include "actors/control/port_handover.hpp"

#include "actors/sockaddr.hpp"

namespace proxy {

namespace {

bool is_wide(const ip_address& at) { return at == ip_address{} || at == ip_address::v4(0); }

void share_ports(const listener_set& of, bool share) {
  for (const auto& each : of)
    each->on().share_port(each->fd, share);
}

/// Linux remembers that a port was shared for as long as somebody has it, and would let another
/// process of this user share it too, until one that does not share is bound. That of the other
/// address family is in nobody's way. (Without IPv6 it remains.)
void forget_sharing(const bound_listener& by) {
  auto other = ip_address::parse(by.ip.is_v4() ? "::1" : "127.0.0.1");
  auto name = make_sockaddr(*other, by.port);
  auto fd = by.on().open(socket_kind::listener, name.family());
  if (fd < 0)
    return;
  (void)by.on().bind(fd, name.get(), name.size);
  by.on().close(fd);
}

} // namespace

bool stands_at(const bound_listener& held, const config::listen_address& wanted) {
  auto ip = ip_address::parse(wanted.ip);
  return held.path.empty() && wanted.path.empty() && held.port == wanted.port && ip &&
         held.ip == *ip;
}

bool overlaps(const bound_listener& held, const config::listen_address& wanted) {
  auto ip = ip_address::parse(wanted.ip);
  return held.path.empty() && wanted.path.empty() && held.port == wanted.port && ip &&
         held.ip.is_v4() == ip->is_v4() && (held.ip == *ip || is_wide(held.ip) || is_wide(*ip));
}

bound_listener_ptr take_over(const bound_listener_ptr& held, endpoint serves,
                             const config::listen_address& wanted) {
  auto made = std::make_shared<bound_listener>(held->on());
  made->serves = serves;
  made->wanted = wanted;
  made->ip = held->ip;
  made->port = held->port;
  made->fd = held->fd;
  made->taken_from = held->taken_from ? held->taken_from : held;
  return made;
}

caf::expected<bound_listener_ptr> bind_beside(const listener_set& held, endpoint serves,
                                              const config::listen_address& wanted) {
  share_ports(held, true);
  auto made = bind_listener(serves, wanted, held.front()->on(), port_sharing::with_our_own);
  share_ports(held, false);
  if (!made)
    return made;
  (*made)->on().share_port((*made)->fd, false);
  forget_sharing(**made);
  return made;
}

} // namespace proxy
