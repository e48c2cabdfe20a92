#include "protocols/http2/stream_state.hpp"

#include <nghttp2/nghttp2.h>

#include <array>

namespace proxy::http2 {

namespace {

using verdict = transition::verdict;
using row = std::array<transition, stream_events>;

constexpr transition to(stream_state next) { return {verdict::legal, next, NGHTTP2_NO_ERROR}; }

constexpr auto idle = to(stream_state::idle);
constexpr auto open = to(stream_state::open);
constexpr auto local = to(stream_state::half_closed_local);
constexpr auto remote = to(stream_state::half_closed_remote);
constexpr auto closed = to(stream_state::closed);

// "Receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST be treated as
// a connection error of type PROTOCOL_ERROR." What we may not send there would be answered so.
constexpr transition broken{verdict::connection_error, stream_state::idle, NGHTTP2_PROTOCOL_ERROR};
// "If an endpoint receives additional frames, other than WINDOW_UPDATE, PRIORITY, or RST_STREAM,
// for a stream that is in this state, it MUST respond with a stream error of type STREAM_CLOSED."
constexpr transition over{verdict::stream_error, stream_state::idle, NGHTTP2_STREAM_CLOSED};

// clang-format off
//                     sent:                               received:
//                     HEADERS DATA    END     RST         HEADERS DATA    END     RST     WINDOW  PRIORITY  lost
constexpr row idle_as_client =
                      {open,   broken, broken, broken,     broken, broken, broken, broken, broken, idle,     closed};
constexpr row idle_as_server =
                      {broken, broken, broken, broken,     open,   broken, broken, broken, broken, idle,     closed};
constexpr std::array<row, stream_states> table{
  idle_as_client,
  // open
  row                 {open,   open,   local,  closed,     open,   open,   remote, closed, open,   open,     closed},
  // half-closed (local)
  row                 {over,   over,   over,   closed,     local,  local,  closed, closed, local,  local,    closed},
  // half-closed (remote)
  row                 {remote, remote, closed, closed,     over,   over,   over,   closed, remote, remote,   closed},
  // closed
  row                 {over,   over,   over,   over,       closed, closed, closed, closed, closed, closed,   closed},
};
// clang-format on

} // namespace

transition after(role we_are, stream_state now, stream_event what) noexcept {
  const auto& from = now == stream_state::idle && we_are == role::server
                       ? idle_as_server
                       : table[static_cast<size_t>(now)];
  return from[static_cast<size_t>(what)];
}

} // namespace proxy::http2
