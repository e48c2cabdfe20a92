#include "actors/serve/exchange/http2_flow.hpp"

#include "actors/net/http2_link.hpp"
#include "actors/observe/log/log.hpp"
#include "actors/serve/client/after.hpp"
#include "actors/serve/client/client_flow.hpp"
#include "actors/serve/exchange/stream_session.hpp"
#include "actors/serve/tunnel/tunnel.hpp"

namespace proxy {

namespace {

/// Streams that are begun before others of the loop have their turn.
constexpr int streams_per_turn = 16;

void spawn_stream(client_session& c, state::h2_link& h2, http2::stream& opened) {
  auto* around = std::get_if<state::intercepted>(&h2.in);
  auto dialled = around ? std::move(around->dialled) : nullptr;
  const auto& parent = c;
  auto made = spawn_on<stream_session>(c.shard.loop, parent, std::move(dialled), h2.link, opened);
  local<stream_session>(made).begin();
}

/// The tunnel that a link is in, as the link's state holds it.
std::variant<state::intercepted, state::refused> take_tunnel(client_session& c) {
  if (auto* around = c.in_state<state::intercepted>())
    return std::move(*around);
  return *c.in_state<state::refused>();
}

/// When to end a link on which nothing happens any more.
steady_time deadline_of(const client_end& c, const http2_link& link) {
  auto quiet_since = link.quiet_since();
  if (!quiet_since) // the flows of its streams look after themselves
    return link.moved_at() + c.timeouts().idle;
  const auto& timeouts = c.timeouts();
  auto served = link.moved.requests > 0;
  return *quiet_since +
         (served ? timeouts.keep_alive : std::min(timeouts.head, timeouts.keep_alive));
}

} // namespace

task<after> serve_streams(client_session& c) {
  auto made = std::make_shared<http2_link>(c.shard.loop, c.client, c.wakes,
                                           limits_of(c.shard.config().limits));
  auto around = take_tunnel(c);
  auto& h2 = c.enter(state::h2_link{std::move(made), std::move(around)});
  auto& link = *h2.link;
  link.start();
  c.logins = std::make_shared<login_connections>(c.shard.pool);
  for (auto patient = true;;) {
    auto& session = link.session();
    auto in_a_row = 0;
    while (auto* opened = in_a_row < streams_per_turn ? session.accept() : nullptr) {
      spawn_stream(c, h2, *opened);
      // The next CONNECT is judged anew, which streams of this one would not be.
      c.draining |= c.refused() != nullptr;
      ++in_a_row;
    }
    if (in_a_row == streams_per_turn) {
      co_await c.wakes.next_turn();
      continue;
    }
    if (c.draining && !session.is_draining()) {
      session.drain();
      link.schedule();
    }
    if (link.is_over())
      break;
    auto deadline = deadline_of(c, link);
    auto in_time = co_await c.wakes.until(deadline);
    if (in_time || c.shard.loop.now() < deadline_of(c, link))
      continue;
    c.end = ending::idle;
    if (!std::exchange(patient, false))
      break;
    session.drain(); // says goodbye, once
    link.schedule();
  }
  if (!link.session().fault().empty())
    c.shard.log().debug("msg=http2_fault client={} cause={}", c.from.str(),
                        quoted_text(link.session().fault()));
  link.detach();
  c.client.belong_to(&c.wakes);
  co_return c.client.dead() ? after::close : after::close_in_steps;
}

task<closing> stream_flow(client_session& c) {
  auto next = co_await serve_requests(c);
  if (next == after::tunnel)
    next = co_await relay(c);
  else if (next == after::close_in_steps)
    co_await close_in_steps(c); // some clients take a reset for a failure while they still send
  co_return next == after::reset ? closing::reset : closing::orderly;
}

} // namespace proxy
