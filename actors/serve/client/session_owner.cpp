#include "actors/serve/client/session_owner.hpp"

namespace proxy {

session_owner::~session_owner() = default;

void session_owner::live() { self_ = caf::strong_actor_ptr{ctrl()}; }

void session_owner::start(task<closing> flow) {
  flow_ = std::move(flow);
  session_.holds(0);
  flow_.start(this, &session_owner::flow_done);
}

session_owner::behavior_type session_owner::make_behavior() {
  return {
    [this](atom::judge, const snapshot_ptr&) {
      auto was_tunnel = session_.is_tunnel();
      if (!self_)
        return false;
      if (!session_.judge()) {
        if (session_.is_connecting)
          session_.wakes.fire(); // by the policy of before: it gives that up
        return false;
      }
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

void session_owner::flow_done(void* self) noexcept {
  auto& ended = *static_cast<session_owner*>(self);
  ended.finish(ended.session_.end, ended.flow_.take());
}

void session_owner::end_from_outside(ending how) {
  // Nothing may resume the flow any more: not a timer that is due, not an answer that is on its
  // way.
  flow_.reset();
  finish(how, closing::reset);
}

void session_owner::finish(ending how, closing by) {
  session_.end = how;
  session_.spans.reset();
  session_.tunnel_spans.reset();
  leave();
  session_.close(by);
  auto& shard = session_.shard;
  shard.take_back_descriptors();
  // The flow may be on the stack still (it is at its end), and so may a message of ours.
  shard.loop.release_later(std::move(self_));
}

} // namespace proxy
