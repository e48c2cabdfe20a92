#include "actors/flows.hpp"
#include "actors/http2/link.hpp"
#include "actors/http2/stream.hpp"
#include "actors/observe/log.hpp"

namespace proxy {

namespace {

/// Streams that are begun before others of the loop have their turn.
constexpr int streams_per_turn = 16;

/// A connection for one stream, to which the requests of its client belong as before.
void spawn_stream(connection& c, http2::stream& of) {
  caf::actor_config cfg{&c.shard.loop};
  auto made = c.shard.loop.system().spawn_impl<connection, caf::hidden + caf::lazy_init>(
    cfg, c.shard, c.serves, c.from);
  auto& child = *static_cast<connection*>(caf::actor_cast<caf::abstract_actor*>(made));
  child.known_as = c.known_as;
  child.draining = c.draining;
  if (c.inside)
    child.inside = std::make_unique<interception>(*c.inside);
  child.refused = c.refused;
  child.ahead = std::move(c.ahead);
  child.logins = c.logins;
  if (child.ahead)
    child.ahead->io.belong_to(&child.wakes);
  child.begin(std::make_unique<http2_stream>(c.link, of, &child.wakes));
}

/// When to end a link on which nothing happens any more.
steady_time deadline_of(const connection& c) {
  auto quiet_since = c.link->quiet_since();
  if (!quiet_since) // the flows of its streams look after themselves
    return c.link->moved_at() + c.timeouts().idle;
  const auto& timeouts = c.timeouts();
  auto served = c.link->moved.requests > 0;
  return *quiet_since +
         (served ? timeouts.keep_alive : std::min(timeouts.head, timeouts.keep_alive));
}

} // namespace

task<> serve_streams(connection& c) {
  c.link = std::make_shared<http2_link>(c.shard.loop, c.client, c.wakes,
                                        limits_of(c.shard.config().limits));
  c.link->start();
  c.logins = std::make_shared<login_connections>(c.shard.pool);
  for (auto patient = true;;) {
    auto& session = c.link->session();
    auto in_a_row = 0;
    while (auto* opened = in_a_row < streams_per_turn ? session.accept() : nullptr) {
      spawn_stream(c, *opened);
      // The next CONNECT is judged anew, which streams of this one would not be.
      c.draining |= c.refused != nullptr;
      ++in_a_row;
    }
    if (in_a_row == streams_per_turn) {
      co_await c.wakes.next_turn();
      continue;
    }
    if (c.draining && !session.is_draining()) {
      session.drain();
      c.link->schedule();
    }
    if (c.link->is_over())
      break;
    auto deadline = deadline_of(c);
    auto in_time = co_await c.wakes.until(deadline);
    if (in_time || c.shard.loop.now() < deadline_of(c))
      continue;
    c.end = ending::idle;
    if (!std::exchange(patient, false))
      break;
    session.drain(); // says goodbye, once
    c.link->schedule();
  }
  if (!c.link->session().fault().empty())
    c.shard.log().debug("msg=http2_fault client={} cause={}", c.from.str(),
                        quoted_text(c.link->session().fault()));
  c.link->detach();
  c.client.raw.belong_to(&c.wakes);
  c.linger = !c.client.dead();
}

task<> stream_flow(connection& c) {
  auto next = co_await serve_requests(c);
  if (next == after::tunnel)
    co_await relay(c);
  else if (c.linger)
    co_await close_in_steps(c); // some clients take a reset for a failure while they still send
}

} // namespace proxy
