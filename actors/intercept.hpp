#pragma once

#include "actors/flows.hpp"
#include "protocols/client_hello.hpp"

namespace proxy {

/// Intercepts a permitted CONNECT: answers it, takes the client's TLS off with a certificate of our
/// own CA, and leaves the connection ready to serve the requests inside (`after::next_request`),
/// each of which `judge_request` judges. A client that does not speak TLS is refused, or relayed
/// unread where nothing had to be read.
task<after> intercept(connection& c, exchange& x, policy::permit permit);

} // namespace proxy
