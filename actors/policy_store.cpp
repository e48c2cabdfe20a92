#include <algorithm>

#include "actors/compile.hpp"
#include "actors/generation.hpp"
#include "actors/observe/log.hpp"
#include "actors/policy_store_behavior.hpp"

namespace proxy {

namespace {

using store_pointer = policy_store_actor::stateful_pointer<policy_store_state>;
using outcome_promise = caf::typed_response_promise<reload_outcome>;

/// How long a shard may take to serve a new policy: its tunnels judge themselves meanwhile.
constexpr std::chrono::seconds acknowledgement_patience{30};
/// How long the audit trail may take to turn to another sink.
constexpr std::chrono::seconds audit_patience{10};

/// What a change makes of the mode that was set at run time.
struct mode_change {
  bool keep = true;
  std::optional<policy::mode> to; ///< Unset: what the files say.
};

void next_change(store_pointer self) {
  auto& s = self->state;
  s.busy = false;
  if (s.waiting.empty())
    return;
  auto change = std::move(s.waiting.front());
  s.waiting.pop_front();
  s.busy = true;
  change();
}

void log_listeners(const store_start& now, const listener_set& before) {
  for (const auto& l : now.listeners)
    if (std::find(before.begin(), before.end(), l) == before.end())
      now.process->log->info("msg=listening listener={} address={}", to_string(l->serves),
                             l->address());
}

/// Every shard serves the new generation. Nobody waits for one that came by itself.
void settled(store_pointer self, std::vector<std::string> changed, uint64_t closed,
             std::optional<outcome_promise>& done) {
  auto& now = self->state.now;
  now.process->log->info("msg={} generation={} mode={} enabled={} closed_tunnels={}",
                         done ? "reloaded" : "addresses_changed", now.current->generation,
                         policy::to_string(now.current->rules->mode), now.current->rules->enabled,
                         closed);
  if (!now.current->rules->enabled)
    now.process->log->warn("msg=disabled detail={}", quoted_text(what_is_open(now.listeners)));
  if (done) {
    reload_outcome outcome;
    outcome.report = reload_report{now.current->generation, std::move(changed), closed};
    done->deliver(std::move(outcome));
  }
  next_change(self);
}

/// A shard that is lost serves an unknown policy: nothing is safe any more.
[[noreturn]] void fail_closed(store_pointer self, const caf::error& why) {
  self->state.now.process->log->error("msg=shard_lost error={}",
                                      quoted_text(self->system().render(why)));
  self->state.now.process->log->flush();
  std::abort();
}

void push(store_pointer self, std::vector<std::string> changed,
          std::optional<outcome_promise> done) {
  struct tally {
    size_t waiting;
    uint64_t closed = 0;
  };
  auto& now = self->state.now;
  auto count = std::make_shared<tally>(tally{now.shards.size()});
  for (const auto& shard : now.shards)
    self->request(shard, acknowledgement_patience, atom::install_v, now.current, now.listeners)
      .then(
        [self, count, changed, done](uint64_t closed) mutable {
          count->closed += closed;
          if (--count->waiting == 0)
            settled(self, std::move(changed), count->closed, done);
        },
        [self](const caf::error& why) { fail_closed(self, why); });
}

void refuse(outcome_promise& done, std::string why) {
  reload_outcome outcome;
  outcome.problems.push_back(problem_of("", std::move(why)));
  done.deliver(std::move(outcome));
}

/// Loads and pushes, or reports why not; the old policy stays in force then.
void change(store_pointer self, const mode_change& mode, outcome_promise done) {
  auto& now = self->state.now;
  if (self->state.draining) { // it may have begun while this one waited
    refuse(done, "the proxy is shutting down");
    next_change(self);
    return;
  }
  auto from = now.from;
  from.mode_as = config::mode_override::may_yield;
  if (!mode.keep) {
    from.mode = mode.to;
    from.mode_as = config::mode_override::must_hold;
  }
  auto ready = prepare(from, now.current->generation + 1, now.listeners);
  for (const auto& p : ready.problems)
    if (p.level == config::problem::severity::warning)
      now.process->log->warn("msg=config_warning detail={}", quoted_text(p.str()));
    else
      now.process->log->error("msg=reload_refused detail={}", quoted_text(p.str()));
  if (!ready.next) {
    reload_outcome outcome;
    outcome.problems = std::move(ready.problems);
    done.deliver(std::move(outcome));
    next_change(self);
    return;
  }
  auto changed = config::changed_keys(*now.current->config, *ready.next->config);
  auto before = std::exchange(now.listeners, std::move(ready.listeners));
  now.current = std::move(ready.next);
  now.from.mode = now.current->config->mode_override;
  now.process->log->apply(now.current->config->log);
  auto not_switched =
    [self] { // it could be opened a moment ago, in `prepare`; the old sink goes on
      self->state.now.process->log->error("msg=audit_not_switched");
    };
  self->request(now.audit, audit_patience, atom::configure_v, now.current->config)
    .then(
      [not_switched](bool opened) {
        if (!opened)
          not_switched();
      },
      [not_switched](const caf::error&) { not_switched(); });
  log_listeners(now, before);
  push(self, std::move(changed), std::move(done));
}

/// Puts the machine's addresses of now in force, if that makes a difference. What cannot be read
/// stays as it was: the next change, or reload, reads again.
void change_addresses(store_pointer self) {
  auto& now = self->state.now;
  self->state.addresses_waiting = false;
  const auto& rules = *now.current->rules;
  auto on_all = std::ranges::any_of(rules.own_listeners, [](const policy::socket_address& own) {
    return own.ip == ip_address{} || own.ip == ip_address::v4(0);
  });
  auto found = on_all && !self->state.draining ? now.addresses() : std::nullopt;
  if (!found || *found == rules.local_addresses)
    return next_change(self);
  std::vector<config::problem> problems;
  now.current = move_to(*now.current, std::move(*found), now.from, problems);
  for (const auto& p : problems)
    now.process->log->warn("msg=config_warning detail={}", quoted_text(p.str()));
  push(self, {}, std::nullopt);
}

/// Runs a change when those before it are done.
void run_in_turn(store_pointer self, std::function<void()> run) {
  if (std::exchange(self->state.busy, true))
    self->state.waiting.push_back(std::move(run));
  else
    run();
}

outcome_promise enqueue(store_pointer self, mode_change mode) {
  auto done = self->make_response_promise<reload_outcome>();
  if (self->state.waiting.size() >= max_waiting_changes) {
    refuse(done, "too many changes are waiting");
    return done;
  }
  run_in_turn(self, [self, mode, done] { change(self, mode, done); });
  return done;
}

} // namespace

policy_store_actor::behavior_type policy_store(store_pointer self, store_start start) {
  self->state.now = std::move(start);
  // One that dies within a change takes its answer along: a request alone would wait for ever.
  for (const auto& shard : self->state.now.shards)
    self->monitor(shard);
  self->set_down_handler([self](const caf::down_msg& lost) {
    if (lost.reason) // else it was told to end
      fail_closed(self, lost.reason);
  });
  return {
    [self](atom::current) { return self->state.now.current; },
    [self](atom::addresses) {
      if (!std::exchange(self->state.addresses_waiting, true))
        run_in_turn(self, [self] { change_addresses(self); });
    },
    [self](atom::drain) {
      self->state.draining = true;
      std::erase_if(self->state.now.listeners,
                    [](const auto& l) { return l->serves != endpoint::admin; });
    },
    [self](atom::listen) { return self->state.now.listeners; },
    [self](atom::reload) { return enqueue(self, {}); },
    [self](atom::set_mode, policy::mode mode) {
      return enqueue(self, {false, mode});
    },
    [self](atom::lift_mode) {
      return enqueue(self, {false, std::nullopt});
    },
  };
}

} // namespace proxy
