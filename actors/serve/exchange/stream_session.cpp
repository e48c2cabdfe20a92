#include "actors/serve/exchange/stream_session.hpp"

#include "actors/serve/exchange/http2_flow.hpp"

namespace proxy {

stream_session::stream_session(caf::actor_config& cfg, const client_session& of,
                               std::unique_ptr<upstream> dialled, std::shared_ptr<http2_link> link,
                               http2::stream& stream)
  : session_owner(cfg, of, std::move(dialled)) {
  auto& s = session();
  s.client.use(std::make_unique<http2_stream>(std::move(link), stream, &s.wakes));
  s.held.count_in(s.client.stream()->link().held_by_requests);
}

stream_session::~stream_session() = default;

void stream_session::begin() {
  live();
  session().shard.joined(*this);
  start(stream_flow(session()));
}

void stream_session::leave() {
  const auto& s = session();
  auto& moved = s.client.stream()->link().moved;
  moved.bytes_up += s.bytes_up;
  moved.bytes_down += s.bytes_down;
  moved.requests += s.requests;
  s.shard.left(*this);
}

} // namespace proxy
