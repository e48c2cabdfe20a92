#pragma once

#include <caf/expected.hpp>

#include "actors/net/bound_listener.hpp"

namespace proxy {

/// Whether a listener keeps another address from being bound: the same port, and the same address
/// or all of them.
[[nodiscard]] bool overlaps(const bound_listener& held, const config::listen_address& wanted);

/// Whether that is where a listener stands.
[[nodiscard]] bool stands_at(const bound_listener& held, const config::listen_address& wanted);

/// The same socket for another purpose: nobody who waits in its queue, or comes meanwhile, is
/// turned away. It stays open until both let go.
/// @param held  Stands at `wanted`.
[[nodiscard]] bound_listener_ptr take_over(const bound_listener_ptr& held, endpoint serves,
                                           const config::listen_address& wanted);

/// Binds and listens beside listeners of ours that overlap and are to be closed: from 127.0.0.1 to
/// 0.0.0.0 and back. These go on meanwhile, so that nobody is refused and nothing has to be bound
/// again where the change comes to nothing; who has come to the new one by then is reset. Addresses
/// of others are in use as ever, and so is a port of ours whose number somebody holds in the other
/// address family.
/// @returns as `bind_listener`.
[[nodiscard]] caf::expected<bound_listener_ptr>
bind_beside(const listener_set& held, endpoint serves, const config::listen_address& wanted);

} // namespace proxy
