#pragma once

#include "actors/flows.hpp"
#include "protocols/client_hello.hpp"

namespace proxy {

/// Whether a tunnel that is read needs no dialling ahead: a kept connection is proof enough that
/// its host can be reached.
[[nodiscard]] bool is_known_to_answer(const connection& c, const exchange& x);

/// Makes a permitted tunnel one whose requests are read.
/// @param ahead   Connected to where it leads: dialled before the client is answered, so that an
///                unreachable host is what the client is told. nullptr: `is_known_to_answer`.
/// @param answer  What the client is told.
/// @returns `after::first_bytes`: `begin_inside` goes on.
[[nodiscard]] after intercept(connection& c, const exchange& x, policy::permit by,
                              std::unique_ptr<upstream> ahead, std::string answer);

/// Waits for what the client says first inside such a tunnel, and settles what the tunnel is. TLS
/// is taken off with a certificate of our own CA, HTTP in the clear is taken as it is; either
/// leaves the connection ready to serve the requests inside (`after::next_request`,
/// `after::streams`), each of which `judge_request` judges. What looks like one of the two and
/// cannot be understood is refused. Anything else is refused where the policy has to read the
/// tunnel, else relayed unread
/// (`after::tunnel`); there the server may be the one to speak first.
task<after> begin_inside(connection& c);

/// Bytes of the two bodies of an exchange, without their heads and framing.
struct exchange_size {
  uint64_t request = 0;
  uint64_t response = 0;
};

/// Logs what `inspect` shows of an exchange: its line without the query, and how long its bodies
/// were; never what is in them.
/// @param status  Of the response, 0 when none came.
void log_exchange(const connection& c, const exchange& x, uint16_t status, exchange_size size);

} // namespace proxy
