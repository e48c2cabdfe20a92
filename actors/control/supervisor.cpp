#include "actors/control/supervisor.hpp"

#include <caf/send.hpp>

#include "actors/shard_core.hpp"

namespace proxy {

namespace {

using supervisor_pointer = supervisor_actor::stateful_pointer<supervisor_state>;

bool was_told_to_end(const caf::error& reason) {
  return !reason || reason == caf::exit_reason::user_shutdown;
}

/// Nobody is served from here on: not by workers, and not by the sockets that wait for them.
void close_all(supervisor_state& s) {
  caf::anon_send(s.start.listeners, atom::close_v);
  if (s.workers)
    for (const auto& worker : s.workers->shards)
      caf::anon_send(worker, atom::close_v);
}

void fail(supervisor_pointer self, const std::string& who, const std::string& what) {
  auto& s = self->state;
  s.start.log->error("msg=actor_lost actor={} error={}", quoted_text(who), quoted_text(what));
  if (!s.failure.empty())
    return; // one that fell with the first
  s.failure = who + ": " + what;
  close_all(s);
  self->delayed_send(self, last_answers, atom::abort_v);
}

} // namespace

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
        close_all(s);
    },
    [self](atom::lost, const std::string& who, const std::string& what) { fail(self, who, what); },
    [self](atom::abort) {
      auto& s = self->state;
      (void)s.start.log->flush(); // as far as it is possible: the owner may end at once
      if (auto tell = std::exchange(s.start.failed, nullptr))
        tell(s.failure);
    },
  };
}

} // namespace proxy
