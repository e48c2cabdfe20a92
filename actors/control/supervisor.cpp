#include "actors/control/supervisor.hpp"

#include <caf/send.hpp>

#include "actors/serve/core/shard_core.hpp"

namespace proxy {

namespace {

using supervisor_pointer = supervisor_actor::stateful_pointer<supervisor_state>;

void fail(supervisor_pointer self, const std::string& who, const std::string& what) {
  auto& s = self->state;
  if (s.closed || !s.lost.insert(who).second)
    return;
  s.start.log->error("msg=actor_lost actor={} error={}", quoted_text(who), quoted_text(what));
  if (!s.failure.empty())
    return; // one that fell with the first
  s.failure = who + ": " + what;
  close_all(s.start.listeners, s.workers);
  self->delayed_send(self, last_answers, atom::abort_v);
}

/// The answers under way had their time.
void tell_owner(supervisor_state& s) {
  s.start.log->error("msg=stopped lost={}", quoted_text(s.failure));
  (void)s.start.log->flush(); // as far as it is possible: the owner may end at once
  s.told = true;
  s.start.failed(s.failure);
  for (auto& each : s.closing)
    each.deliver(false);
  s.closing.clear();
}

} // namespace

void close_all(const listener_owner_actor& listeners, const peers_ptr& workers) {
  caf::anon_send(listeners, atom::close_v);
  if (workers)
    for (const auto& worker : workers->shards)
      caf::anon_send(worker, atom::close_v);
}

bool was_told_to_end(const caf::error& reason) {
  return !reason || reason == caf::exit_reason::user_shutdown;
}

supervisor_actor::behavior_type supervisor(supervisor_pointer self, supervisor_start start) {
  self->state.start = std::move(start);
  self->set_down_handler([self](const caf::down_msg& down) {
    auto found = self->state.watched.extract(down.source);
    if (found && !(found.mapped().may_end && was_told_to_end(down.reason)))
      fail(self, found.mapped().name, self->system().render(down.reason));
  });
  return {
    [self](atom::watch, const std::string& name, bool may_end, const caf::strong_actor_ptr& who) {
      auto& s = self->state;
      s.watched[caf::actor_cast<caf::actor_addr>(who)] = {name, may_end};
      self->monitor(who);
      if (s.start.watched)
        s.start.watched(name, who);
    },
    [self](atom::listen, const peers_ptr& workers) {
      auto& s = self->state;
      s.workers = workers;
      if (!s.failure.empty())
        close_all(s.start.listeners, workers);
    },
    [self](atom::lost, const std::string& who, const std::string& what) { fail(self, who, what); },
    [self](atom::close) {
      auto& s = self->state;
      s.closed = true;
      auto done = self->make_response_promise<bool>();
      if (s.failure.empty() || s.told)
        done.deliver(s.failure.empty());
      else
        s.closing.push_back(done);
      return done;
    },
    [self](atom::beat) { return self->state.failure.empty(); },
    [self](atom::abort) { tell_owner(self->state); },
  };
}

} // namespace proxy
