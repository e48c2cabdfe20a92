#pragma once

#include "actors/flows.hpp"
#include "protocols/client_hello.hpp"

namespace proxy {

/// Intercepts a permitted CONNECT: answers it, takes the client's TLS off with a certificate of our
/// own CA, and leaves the connection ready to serve the requests inside (`after::next_request`),
/// each of which `judge_request` judges. A client that does not speak TLS is refused, or relayed
/// unread where nothing had to be read.
task<after> intercept(connection& c, exchange& x, policy::permit permit);

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
