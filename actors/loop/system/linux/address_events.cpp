#include "actors/loop/system/address_events.hpp"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

namespace proxy {

namespace {

mnl_socket* netlink(void* socket) { return static_cast<mnl_socket*>(socket); }

/// Whether one of the messages is about an address.
bool tells_of_address(const char* data, size_t size) {
  const auto* message = reinterpret_cast<const nlmsghdr*>(data);
  for (auto left = static_cast<int>(size); mnl_nlmsg_ok(message, left);
       message = mnl_nlmsg_next(message, &left))
    if (message->nlmsg_type == RTM_NEWADDR || message->nlmsg_type == RTM_DELADDR)
      return true;
  return false;
}

} // namespace

std::unique_ptr<address_events> address_events::open() {
  auto* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (!socket)
    return nullptr;
  std::unique_ptr<address_events> made{new address_events(socket)};
  auto groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  return mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) == 0 ? std::move(made) : nullptr;
}

address_events::~address_events() { mnl_socket_close(netlink(socket_)); }

int address_events::descriptor() const noexcept { return mnl_socket_get_fd(netlink(socket_)); }

address_events::news address_events::take() {
  alignas(nlmsghdr) char buffer[8192];
  auto found = news::none;
  for (;;) {
    auto size = mnl_socket_recvfrom(netlink(socket_), buffer, sizeof buffer);
    if (size > 0) {
      if (tells_of_address(buffer, static_cast<size_t>(size)))
        found = news::some;
    } else if (size == 0) {
      return news::broken;
    } else if (errno == ENOBUFS || errno == ENOSPC) {
      found = news::some; // some were lost, or one was too long
    } else if (errno != EINTR) {
      return errno == EAGAIN ? found : news::broken;
    }
  }
}

} // namespace proxy
