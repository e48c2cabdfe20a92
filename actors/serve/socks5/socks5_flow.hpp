#pragma once

#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_session.hpp"

namespace proxy {

/// Serves a SOCKS5 client up to its tunnel or association (RFC 1928); bytes read already are in
/// `c.reader.pending`.
task<after> socks5_flow(client_session& c);

/// Relays the datagrams of a UDP association until its connection ends.
task<after> relay_datagrams(client_session& c);

} // namespace proxy
