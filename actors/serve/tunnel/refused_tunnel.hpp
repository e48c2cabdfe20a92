#pragma once

#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_session.hpp"

namespace proxy {

/// Waits for what the client of a refused tunnel says first, and takes TLS off with a certificate
/// of our own CA; HTTP in the clear is taken as it is. `judge_request` refuses what is asked for
/// inside. Whoever says nothing of the kind within `timeouts.head` is cut off.
task<after> begin_refused(client_session& c);

} // namespace proxy
