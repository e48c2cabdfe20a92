#include "actors/control/supervisor.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <utility>

#include "actors/serve/core/shard_core.hpp"

namespace proxy {

namespace {

using supervisor_pointer = supervisor_actor::stateful_pointer<supervisor_state>;

/// The answers under way are given, or had their time.
void tell_owner(supervisor_state& s) {
  s.start.log->error("msg=stopped lost={}", quoted_text(s.failure));
  (void)s.start.log->flush(); // as far as it is possible: the owner may end at once
  s.told = true;
  s.start.failed(s.failure);
  for (auto& each : s.closing)
    each.deliver(false);
  s.closing.clear();
}

void fail(supervisor_pointer self, const std::string& who, const std::string& what) {
  auto& s = self->state;
  if (s.closed || !s.lost.insert(who).second)
    return;
  s.start.log->error("msg=actor_lost actor={} error={}", quoted_text(who), quoted_text(what));
  if (!s.failure.empty())
    return; // one that fell with the first
  s.failure = who + ": " + what;
  close_all(s.start.listeners, s.workers);
  await_last_answers(self, s.workers, who, [self] { tell_owner(self->state); });
}

} // namespace

void close_all(const listener_owner_actor& listeners, const peers_ptr& workers) {
  caf::anon_send(listeners, atom::close_v);
  if (workers)
    for (const auto& worker : workers->shards)
      caf::anon_send(worker, atom::close_v);
}

template <class Self>
void await_last_answers(Self* self, const peers_ptr& workers, const std::string& lost,
                        std::function<void()> then) {
  auto waiting = std::make_shared<size_t>(1);
  auto one_less = [waiting, then = std::move(then)] {
    if (--*waiting == 0)
      then();
  };
  auto ask = [&](const auto& whom, auto... what) {
    ++*waiting;
    self->request(whom, last_answers, atom::close_v, what...)
      .then([one_less](bool) { one_less(); }, [one_less](const caf::error&) { one_less(); });
  };
  if (workers) {
    if (workers->store)
      ask(workers->store,
          lost.empty() ? "the proxy is shutting down" : lost + " is lost: the proxy ends");
    for (size_t i = 0; i < workers->shards.size(); ++i)
      if (workers->shards[i] && worker_name(i) != lost) // who is lost may hang
        ask(workers->shards[i]);
  }
  one_less();
}

template void await_last_answers(caf::event_based_actor*, const peers_ptr&, const std::string&,
                                 std::function<void()>);

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
  };
}

} // namespace proxy
