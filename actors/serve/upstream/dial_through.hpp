#pragma once

#include <caf/expected.hpp>
#include <memory>

#include "actors/loop/task/task.hpp"
#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"

namespace proxy {

/// Connects through an upstream proxy: CONNECT for whatever is not a plain request, which takes the
/// bare connection (`needs_tunnel`).
/// The addresses of the target are the proxy's business: it is judged by name alone.
/// @returns errc::policy_changed as `dial`.
task<caf::expected<std::unique_ptr<upstream>>> dial_through(client_session& c, const exchange& ex,
                                                            tls::alpn offer);

} // namespace proxy
