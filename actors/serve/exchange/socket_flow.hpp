#pragma once

#include "actors/loop/task/task.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"

namespace proxy {

/// The same for a unix socket: an upstream of its own, which nobody else gets.
task<after> forward_to_socket(client_session& c, exchange& ex);

} // namespace proxy
