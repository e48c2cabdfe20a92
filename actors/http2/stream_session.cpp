#include "actors/http2/stream_session.hpp"

#include "actors/flows.hpp"

namespace proxy {

stream_session::stream_session(caf::actor_config& cfg, const client_session& of,
                               std::unique_ptr<upstream> dialled, std::shared_ptr<http2_link> link,
                               http2::stream& stream)
  : super(cfg), session_(*this, of, std::move(dialled)) {
  session_.client.use(std::make_unique<http2_stream>(std::move(link), stream, &session_.wakes));
  session_.held.count_in(session_.client.stream()->link().held_by_requests);
}

stream_session::~stream_session() = default;

void stream_session::begin() {
  self_ = caf::strong_actor_ptr{ctrl()};
  session_.shard.joined(*this);
  session_.holds(0);
  flow_ = stream_flow(session_);
  flow_.start(this, &stream_session::flow_done);
}

stream_session::behavior_type stream_session::make_behavior() {
  return {
    [this](atom::judge, const snapshot_ptr&) {
      auto was_tunnel = session_.is_tunnel();
      if (!self_ || !session_.judge())
        return false;
      end_from_outside(ending::policy_changed);
      return was_tunnel;
    },
    [this](atom::drain) {
      session_.draining = true;
      if (self_)
        session_.wakes.fire();
    },
    [this](atom::abort) {
      if (self_)
        end_from_outside(ending::aborted);
    },
  };
}

void stream_session::flow_done(void* self) noexcept {
  auto& ended = *static_cast<stream_session*>(self);
  ended.finish(ended.session_.end, ended.flow_.take());
}

void stream_session::end_from_outside(ending how) {
  flow_.reset(); // nothing may resume it any more
  finish(how, closing::reset);
}

void stream_session::finish(ending how, closing by) {
  session_.end = how;
  auto& moved = session_.client.stream()->link().moved;
  moved.bytes_up += session_.bytes_up;
  moved.bytes_down += session_.bytes_down;
  moved.requests += session_.requests;
  session_.shard.left(*this);
  session_.close(by);
  // The flow may be on the stack still (it is at its end), and so may a message of ours.
  session_.shard.loop.release_later(std::move(self_));
}

} // namespace proxy
