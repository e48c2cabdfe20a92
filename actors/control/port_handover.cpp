#include "actors/control/port_handover.hpp"

#include "actors/loop/system/sockaddr.hpp"

namespace proxy {

namespace {

bool is_wide(const ip_address& at) { return at == ip_address{} || at == ip_address::v4(0); }

void share_ports(const listener_set& of, bool share) {
  for (const auto& each : of)
    each->on().share_port(each->fd, share);
}

/// Linux remembers that a port was shared for as long as somebody has it, and would let another
/// process of this user share it too, until one that does not share is bound. That of the other
/// address family is in nobody's way.
/// @returns whether that could be bound: not where somebody listens there, or without IPv6.
bool forget_sharing(network& net, const ip_address& ip, uint16_t port) {
  auto name = make_sockaddr(*ip_address::parse(ip.is_v4() ? "::1" : "127.0.0.1"), port);
  auto fd = net.open(socket_kind::listener, name.family());
  if (fd < 0)
    return false;
  auto bound = net.bind(fd, name.get(), name.size) == 0;
  net.close(fd);
  return bound;
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
  auto& by = held.front()->on();
  const auto& old = *held.front();
  // A port that could not be made ours alone again is not shared for a moment either.
  if (!forget_sharing(by, old.ip, old.port))
    return bind_listener(serves, wanted, by); // says that it is in use
  share_ports(held, true);
  auto made = bind_listener(serves, wanted, by, port_sharing::with_our_own);
  share_ports(held, false);
  if (made)
    by.share_port((*made)->fd, false);
  if (forget_sharing(by, old.ip, old.port) || !made)
    return made;
  return caf::make_error(errc::system,
                         "cannot listen on " + (*made)->address() +
                           ": somebody has taken the port of the other address family "
                           "meanwhile, which keeps it from being ours alone");
}

} // namespace proxy
