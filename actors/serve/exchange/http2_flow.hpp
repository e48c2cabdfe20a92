#pragma once

#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_session.hpp"

namespace proxy {

/// Serves an intercepted client that speaks HTTP/2, each of its streams by a `stream_session`,
/// until the last is done.
task<after> serve_streams(client_session& c);

/// Serves the request of one stream.
task<closing> stream_flow(client_session& c);

} // namespace proxy
