#pragma once

#include <caf/error.hpp>

#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_session.hpp"

namespace proxy {

/// Serves a client of the proxy until its connection ends: requests, then perhaps a tunnel.
task<closing> client_flow(client_session& c);

/// Tells a client that a connection limit is reached, or that memory is short: `why`.
task<closing> turn_away(client_session& c, caf::error why);

/// Serves one request after the other until something else follows.
task<after> serve_requests(client_session& c);

/// What follows on bytes that a client did not take; remembers it for the log.
[[nodiscard]] after cut_off(client_session& c, sending how);

} // namespace proxy
