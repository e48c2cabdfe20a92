#include <caf/event_based_actor.hpp>

#include <algorithm>

#include "actors/loop/system/machine.hpp"
#include "actors/network_proxy_parts.hpp"
#include "actors/observe/log/log.hpp"
#include "actors/serve/worker/shard.hpp"

// How a proxy ends: it drains, its parts end one after the other, and what is lost meanwhile, or
// does not end, is told to its owner.

namespace proxy {

namespace {

/// How long all parts together may take to end, once last answers are given.
constexpr std::chrono::seconds end_patience{10};

} // namespace

template <class Handle>
void network_proxy::impl::tell_to_end(const std::string& name, Handle& whom) {
  auto one = let_go(whom);
  if (!one)
    return;
  departures::add(leaving, name, one);
  caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
}

template <class Handle>
void network_proxy::impl::abort(const std::string& name, Handle& whom) {
  auto one = let_go(whom);
  if (!one)
    return;
  departures::add(leaving, name, one);
  caf::anon_send(one, atom::abort_v);
}

/// The thread of one that hangs would never be joined, so the owner is told.
void network_proxy::impl::await_end(const std::string& name) {
  if (!leaving->await(name))
    failure->lost(name, "does not end");
}

/// Clients of the admin API hear what they wait for; nobody is served any more.
void network_proxy::impl::give_last_answers() {
  // By arguments, not captures alone: CAF 0.17 dereferences a null pointer for an actor that has
  // none.
  auto asking = system.spawn<caf::hidden>(
    [](caf::event_based_actor* self, const peers_ptr& all) {
      await_last_answers(self, all, "", [] {});
    },
    peers());
  departures::add(leaving, "last answers", asking); // it ends when it has heard of all
  (void)leaving->await_unhurried("last answers");
}

/// By now nobody has anything more to say.
void network_proxy::impl::end_telemetry(std::chrono::steady_clock::time_point deadline) {
  if (!telemetry)
    return;
  leaving->on_hurry([to = telemetry] { to->hurry(); });
  telemetry->end(deadline);
  leaving->on_hurry(nullptr);
}

void network_proxy::impl::flush_audit(std::chrono::steady_clock::time_point deadline) {
  if (!audit)
    return;
  caf::scoped_actor self{system};
  auto left = std::max(deadline - this_machine().clock.now(), std::chrono::nanoseconds{1});
  self->request(audit, caf::timespan{left}, atom::flush_v)
    .receive([](bool) {}, [](const caf::error&) {}); // its end tells
}

bool network_proxy::impl::end() {
  if (ended)
    return *ended;
  const visit here;
  leaving->begin(this_machine().clock.now() + end_patience);
  auto lost = end_watch();
  if (sources)
    sources->end(); // waited for last: they may take their time
  tell_to_end("supervisor", supervisor);
  await_end("supervisor");
  abort("address_watch", addresses);
  await_end("address_watch");
  if (lost != losses::answered)
    give_last_answers();
  // Clients that take their time leave the others theirs.
  auto deadline = this_machine().clock.now() + end_patience;
  leaving->begin(deadline);
  if (telemetry)
    telemetry->keep_last_metrics();
  for (auto& w : workers)
    abort("worker", w.shard);
  await_end("worker");
  end_telemetry(deadline);
  flush_audit(deadline);
  tell_to_end("policy_store", store);
  tell_to_end("listener_owner", listeners);
  tell_to_end("audit", audit);
  tell_to_end("ca", ca);
  for (auto who : {"policy_store", "listener_owner", "audit", "ca"})
    await_end(who);
  for (auto& w : workers) {
    w.loop->stop();
    w.thread.join();
  }
  if (process) {
    // No loop is left that would ask.
    tell_to_end("socket_dialer", process->socket_dialer);
    await_end("socket_dialer");
    process->log->flush();
  }
  ended = leaving->await_unhurried("policy_source");
  return *ended;
}

void network_proxy::impl::watch_supervisor(const peers_ptr& peers, const abilities& can) {
  supervisor->attach_functor(
    [told = failure, owner = listeners, peers, &sys = system](const caf::error& why) {
      if (was_told_to_end(why))
        return;
      auto what = sys.render(why);
      told->notice("supervisor", what);
      close_all(owner, peers);
      sys.spawn<caf::hidden>(
        [told, peers](caf::event_based_actor* self, const std::string& what) {
          await_last_answers(self, peers, "supervisor", [=] { told->lost("supervisor", what); });
        },
        what);
    });
  if (can.watched)
    can.watched("supervisor", caf::actor_cast<caf::strong_actor_ptr>(supervisor));
}

losses network_proxy::impl::end_watch() {
  auto watching = held(supervisor);
  if (!watching)
    return losses::none; // told to end before, or never there
  auto seen = losses::none;
  caf::scoped_actor self{system};
  self->request(watching, answer_patience, atom::close_v)
    .receive([&](bool well) { seen = well ? losses::none : losses::answered; },
             [&](const caf::error& why) {
               seen = losses::of_supervisor;
               failure->lost("supervisor", system.render(why));
             });
  return seen;
}

bool network_proxy::impl::drain(std::chrono::milliseconds grace) {
  system.spawn<caf::hidden>(
    [grace, watching = held(supervisor), policies = held(store)](
      caf::event_based_actor* self, const std::shared_ptr<shutdown_result>& result,
      const std::vector<shard_actor>& shards) {
      auto waiting = std::make_shared<size_t>(1 + shards.size());
      auto ask = [=](const auto& whom, const std::string& name) {
        self->request(whom, grace, atom::drain_v)
          .then(
            [result, waiting](bool) {
              if (--*waiting == 0)
                result->settle(true);
            },
            [self, result, watching, name](const caf::error& why) {
              if (why != caf::sec::request_timeout) // before the supervisor is told to look away
                caf::anon_send(watching, atom::lost_v, name,
                               "has ended (" + self->system().render(why) + ')');
              result->settle(false);
            });
      };
      ask(policies, "policy_store");
      for (size_t i = 0; i < shards.size(); ++i)
        ask(shards[i], worker_name(i));
    },
    over, shards());
  auto done = over->result.get_future();
  return done.wait_for(grace) == std::future_status::ready && done.get();
}

bool network_proxy::shutdown(std::chrono::milliseconds grace) {
  const visit here;
  impl_->process->log->info("msg=draining grace_ms={}", grace.count());
  auto drained = impl_->drain(grace);
  // Whose loss closed them has not drained.
  drained = impl_->end_watch() == losses::none && drained;
  impl_->process->log->info("msg=stopped drained={}", drained);
  return drained;
}

bool network_proxy::end() { return impl_->end(); }

void network_proxy::end_now() {
  impl_->over->settle(false);
  impl_->leaving->hurry();
}

} // namespace proxy
