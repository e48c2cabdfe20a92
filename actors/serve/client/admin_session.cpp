#include "actors/serve/client/admin_session.hpp"

namespace proxy {

namespace {

/// Over all workers: whoever holds them open holds memory.
constexpr uint64_t max_sessions = 1024;

} // namespace

admin_session::admin_session(caf::actor_config& cfg, shard_core& owner, client_address whence)
  : super(cfg), client_end(owner, whence) {}

admin_session::~admin_session() = default;

void admin_session::begin(int descriptor) {
  self_ = caf::strong_actor_ptr{ctrl()};
  shard.joined(*this);
  if (!client.open(shard.loop, descriptor, &wakes) ||
      shard.process->admin_connections.load(std::memory_order_relaxed) > max_sessions) {
    finish(closing::reset);
    return;
  }
  flow_ = shard.process->admin_flow(*this);
  holds(0);
  flow_.start(this, &admin_session::flow_done);
}

admin_session::behavior_type admin_session::make_behavior() {
  auto take_nothing_new = [this](bool at_once) {
    draining = true;
    leaving |= at_once;
    if (self_)
      wakes.fire();
  };
  return {
    [=](atom::drain) { take_nothing_new(false); },
    [=](atom::close) { take_nothing_new(true); },
    [this](atom::abort) {
      if (!self_)
        return;
      // Nothing may resume the flow any more: not a timer that is due, not an answer that is on
      // its way.
      flow_.reset();
      finish(closing::reset);
    },
  };
}

void admin_session::flow_done(void* self) noexcept {
  auto& ended = *static_cast<admin_session*>(self);
  ended.finish(ended.flow_.take());
}

void admin_session::finish(closing how) {
  held.set(0);
  if (how == closing::reset)
    client.abort();
  else
    client.close();
  shard.left(*this); // last: when none is left, the process may end
  shard.take_back_descriptors();
  // The flow may be on the stack still (it is at its end), and so may a message of ours.
  shard.loop.release_later(std::move(self_));
}

} // namespace proxy
