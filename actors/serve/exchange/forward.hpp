#pragma once

#include "actors/loop/task/task.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"

namespace proxy {

/// Forwards a request that was let through, and its response (RFC 9110 §7.6).
task<after> forward(client_session& c, exchange& ex);

} // namespace proxy
