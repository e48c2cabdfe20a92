#pragma once

#include "tests/simulate/visitor.hpp"

/// All kinds of visitors.

namespace proxy::simulate {

using visitor_ptr = std::unique_ptr<visitor>;

/// Requests one after the other, or several at once, on one connection; GET and POST.
[[nodiscard]] visitor_ptr make_requester(surroundings& around, destination to);
/// The same in TLS, in a tunnel.
[[nodiscard]] visitor_ptr make_secure_requester(surroundings& around, destination to);
/// The same in HTTP/2, several at once; it resets some of its streams.
[[nodiscard]] visitor_ptr make_h2_requester(surroundings& around, destination to);
/// A tunnel to whoever sends back what it is sent; ends its half and waits for the other's.
[[nodiscard]] visitor_ptr make_tunneller(surroundings& around, destination to);
/// A UDP association, and datagrams that come back.
[[nodiscard]] visitor_ptr make_udp_client(surroundings& around, destination to);
/// Asks the admin API; in a storm it sets modes and reloads.
[[nodiscard]] visitor_ptr make_admin_client(surroundings& around, destination to);
/// Abuses what it speaks: TLS, HTTP/2, SOCKS5, UDP, long heads. @param secure  There is TLS.
[[nodiscard]] visitor_ptr make_abuser(surroundings& around, destination to, bool secure);
/// Says anything but what it should, or nothing, or half of it; leaves in the middle.
[[nodiscard]] visitor_ptr make_troublemaker(surroundings& around, destination to);

} // namespace proxy::simulate
