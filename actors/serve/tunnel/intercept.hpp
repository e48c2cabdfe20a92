#pragma once

#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_session.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "protocols/client_hello.hpp"

namespace proxy {

/// Makes a tunnel that was let through one whose requests are read; it takes the pass of `ex`.
/// @param fresh    Of `ex.granted`.
/// @param reached  Its upstream; nullptr where it is known to be there.
/// @returns `after::first_bytes`: the caller gives its answer to `c.say_first`, and
///          `begin_inside` goes on.
after intercept(client_session& c, exchange& ex, const fresh_pass& fresh,
                std::unique_ptr<upstream> server);

/// Waits for what the client says first inside such a tunnel, and settles what the tunnel is. TLS
/// is taken off with a certificate of our own CA, HTTP in the clear is taken as it is; either
/// leaves the connection ready to serve the requests inside (`after::next_request`,
/// `after::streams`), each of which `judge_request` judges. What looks like one of the two and
/// cannot be understood is refused. Anything else is refused where the policy has to read the
/// tunnel, else relayed unread
/// (`after::tunnel`); there the server may be the one to speak first.
task<after> begin_inside(client_session& c);

/// Bytes of the two bodies of an exchange, without their heads and framing.
struct exchange_size {
  uint64_t request = 0;
  uint64_t response = 0;
};

/// Logs what `inspect` shows of an exchange: its line without the query, and how long its bodies
/// were; never what is in them.
/// @param status  Of the response, 0 when none came.
void log_exchange(const client_session& c, const exchange& ex, uint16_t status, exchange_size size);

} // namespace proxy
