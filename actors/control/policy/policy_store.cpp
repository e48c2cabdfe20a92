#include <caf/send.hpp>

#include <algorithm>

#include "actors/control/policy/generation.hpp"
#include "actors/control/policy/policy_store_steps.hpp"
#include "actors/control/policy/trust_files.hpp"
#include "actors/loop/system/cores.hpp"
#include "actors/observe/log/log.hpp"

namespace proxy {

namespace {

using outcome_promise = caf::typed_response_promise<reload_outcome>;

/// How long the audit trail may take to turn to another sink.
constexpr std::chrono::seconds audit_patience{10};

/// What a change wants beyond what was set at run time before.
using wish_change = std::function<void(policy_wish&)>;

/// What was set at run time before, as far as the managed layer still allows it.
policy_wish standing_wish(const config::proxy_config& running) {
  return {running.mode_override, config::mode_override::may_yield, running.added, {}};
}

// -- one after the other --

/// Runs a change when those before it are done.
void run_in_turn(store_pointer self, waiting_change next) {
  if (self->state.change)
    self->state.waiting.push_back(std::move(next));
  else
    next.run();
}

/// Every worker serves the policy of now.
void tell_in_force(const policy_store_state& s) {
  auto& process = *s.now.process;
  process.reloads.came_into_force(process.clock.wall());
}

/// A change that comes to nothing, whatever it was up to.
void refuse(logger& log, outcome_promise& done, std::string why) {
  reload_outcome outcome;
  outcome.problems.push_back(problem_of("", std::move(why)));
  tell_problems(log, outcome.problems);
  done.deliver(std::move(outcome));
}

/// The change under way comes to nothing, and the policy in force stays. One that nobody asked for
/// is no refusal that anybody should read of.
void give_up(store_pointer self, std::vector<config::problem> problems = {}) {
  auto& c = *self->state.change;
  std::move(problems.begin(), problems.end(), std::back_inserter(c.problems));
  if (c.done) {
    self->state.now.process->reloads.failed(c.is_reload);
    tell_problems(log_of(self), c.problems);
    reload_outcome outcome;
    outcome.problems = std::move(c.problems);
    outcome.ends = !why_ending(self->state).empty();
    c.done->deliver(std::move(outcome));
  }
  next_change(self);
}

void give_up_because(store_pointer self, std::string why) {
  give_up(self, std::vector{problem_of("", std::move(why))});
}

/// Ends the change under way, unless workers have been told of it; those that wait follow it.
void give_up_unpushed(store_pointer self) {
  auto& s = self->state;
  if (s.change && !s.change->is_pushed())
    give_up_because(self, std::string{why_ending(s)});
}

/// Why the change under way may not go on; "" when it may.
std::string_view obstacle(store_pointer self) {
  auto& s = self->state;
  if (auto why = why_ending(s); !why.empty())
    return why;
  // Who asked for it takes it for failed by the time it would be made.
  auto late = s.change->done && self->clock().now() > s.change->asked + change_patience;
  return late ? "the changes before it took too long" : "";
}

// -- a worker that does not follow --

/// Nothing is safe any more: what the worker serves is unknown.
void fail(store_pointer self, size_t worker, const std::string& why) {
  auto& s = self->state;
  if (std::exchange(s.failed, true))
    return;
  auto name = worker_name(worker);
  caf::anon_send(s.now.supervisor, atom::lost_v, name, why);
  if (s.change)
    give_up_because(self, name + ' ' + why + ": the proxy ends");
}

/// Who dies takes an answer along: a request alone would wait for its deadline.
void watch_others(store_pointer self) {
  for (const auto& shard : self->state.now.shards)
    self->monitor(shard);
  watch_source(self);
  self->set_down_handler([self](const caf::down_msg& gone) {
    auto& s = self->state;
    if (loses_source(self, gone)) {
      s.source_lost = true;
      give_up_unpushed(self);
      return;
    }
    const auto& all = s.now.shards;
    auto at = std::ranges::find_if(all, [&](const auto& w) { return w.address() == gone.source; });
    if (gone.reason && at != all.end()) // else it was told to end
      fail(self, static_cast<size_t>(at - all.begin()),
           "has ended (" + self->system().render(gone.reason) + ')');
  });
}

// -- the last step: in force --

/// Every worker serves the new generation. Nobody waits for one that came by itself.
void settled(store_pointer self) {
  auto& now = self->state.now;
  auto& c = *self->state.change;
  log_of(self).info("msg={} generation={} mode={} enabled={} closed_tunnels={}",
                    c.done ? "reloaded" : "addresses_changed", now.current->generation,
                    policy::to_string(now.current->rules->mode), now.current->rules->enabled,
                    c.closed_tunnels);
  for (const auto& key : c.needs_restart)
    log_of(self).warn("msg=needs_restart key={}", key);
  if (c.done) {
    tell_in_force(self->state);
    now.process->reloads.succeeded();
    reload_outcome outcome;
    outcome.report = reload_report{now.current->generation, std::move(c.changed), c.closed_tunnels,
                                   std::move(c.needs_restart)};
    c.done->deliver(std::move(outcome));
  }
  next_change(self);
}

void acknowledged(store_pointer self, const change_ptr& of, size_t worker, uint64_t closed) {
  if (!is_under_way(self, of) || of->waits_for.erase(worker) == 0)
    return;
  of->closed_tunnels += closed;
  if (of->waits_for.empty())
    settled(self);
}

void switch_audit(store_pointer self, const config_ptr& config) {
  // It could be opened a moment ago; the old sink goes on.
  auto not_switched = [self] { log_of(self).error("msg=audit_not_switched"); };
  self->request(self->state.now.audit, audit_patience, atom::configure_v, config)
    .then(
      [not_switched](bool opened) {
        if (!opened)
          not_switched();
      },
      [not_switched](const caf::error&) { not_switched(); });
}

/// From here on a change is not given up any more: every worker gets it.
void begin_push(policy_store_state& s) {
  for (size_t i = 0; i < s.now.shards.size(); ++i)
    s.change->waits_for.insert(i);
}

/// Puts a compiled policy whose listeners are bound in force.
void put_in_force(store_pointer self, draft compiled, const bound_listeners& bound) {
  auto& now = self->state.now;
  auto& c = *self->state.change;
  if (compiled.around.ca)
    write_trust_bundle(*compiled.config, compiled.around, c.problems);
  now.proxies = compiled.around.proxies;
  now.current = complete(std::move(compiled), addresses_of(bound.all), c.problems);
  tell_problems(log_of(self), c.problems); // warnings
  c.problems.clear();
  log_of(self).apply(now.current->config->log);
  switch_audit(self, now.current->config);
  if (now.telemetry)
    now.telemetry(now.current->config->otel);
  for (const auto& l : bound.added)
    log_of(self).info("msg=listening listener={} address={}", to_string(l->serves), l->address());
  if (!now.current->rules->enabled)
    log_of(self).warn("msg=disabled detail={}", quoted_text(what_is_open(bound.all)));
  // First of all who owns them: a socket that is in force no more is closed by the last worker that
  // still accepts on it. Else who comes to it meanwhile would wait for nobody.
  begin_push(self->state);
  auto go_on = [self, change = self->state.change, all = bound.all] {
    if (is_under_way(self, change)) // else a worker is lost meanwhile
      push(self, all);
  };
  self->request(now.listeners, binding_patience, atom::install_v, bound.all)
    .then([go_on](bool) { go_on(); },
          [go_on](const caf::error&) { go_on(); }); // it is lost, and the proxy ends
}

// -- the steps before it --

/// The document is here: compiles it and has its listeners bound.
void take_document(store_pointer self, policy_delivery& delivery) {
  auto& s = self->state;
  auto& c = *s.change;
  c.problems = std::move(delivery.problems);
  if (auto why = obstacle(self); !why.empty())
    return give_up_because(self, std::string{why});
  if (!delivery.document)
    return give_up(self);
  const auto& running = *s.now.current->config;
  auto document = std::move(*delivery.document);
  keep_addresses(self, document);
  if (worker_count(document.config.workers) == s.now.shards.size())
    document.config.workers = running.workers; // the same, whichever way it is said
  c.needs_restart = config::keep_until_restart(running, document.config);
  auto compiled = compile(std::move(document), s.now.current->generation + 1, c.problems);
  if (!compiled)
    return give_up(self);
  c.changed = config::changed_keys(running, *compiled->config);
  auto held = std::make_shared<draft>(std::move(*compiled));
  auto change = s.change;
  self->request(s.now.listeners, binding_patience, atom::bind_v, held->config)
    .then(
      [self, change, held](bound_listeners& bound) {
        if (!is_under_way(self, change))
          return;
        if (auto why = obstacle(self); !why.empty()) {
          caf::anon_send(self->state.now.listeners, atom::abort_v);
          give_up_because(self, std::string{why});
        } else if (!bound.problems.empty())
          give_up(self, std::move(bound.problems));
        else
          put_in_force(self, std::move(*held), bound);
      },
      [self, change](const caf::error& why) {
        // They may be bound after all: clients that connect to them would wait for nobody.
        caf::anon_send(self->state.now.listeners, atom::abort_v);
        if (is_under_way(self, change))
          give_up_because(self, "listeners could not be bound: " + self->system().render(why));
      });
}

/// What somebody asks for.
struct request {
  wish_change change; ///< Of what is wished beside the configuration; null: it is read anew alone.
  outcome_promise done;
  caf::actor_clock::time_point asked;
};

/// Asks the source, or reports why not; the old policy stays in force then.
void begin(store_pointer self, const request& of) {
  auto& s = self->state;
  s.change = std::make_shared<change_under_way>();
  s.change->done = of.done;
  s.change->is_reload = !of.change;
  s.change->asked = of.asked;
  if (auto why = obstacle(self); !why.empty()) // it may have come up while this one waited
    return give_up_because(self, std::string{why});
  auto wish = standing_wish(*s.now.current->config);
  if (of.change)
    of.change(wish);
  ask_source<policy_delivery>(
    self, [self](policy_delivery& delivery) { take_document(self, delivery); },
    [self](std::string why) { give_up_because(self, std::move(why)); }, atom::load_v, wish);
}

/// @param change  Null: the configuration is read anew, and nothing else.
outcome_promise enqueue(store_pointer self, wish_change change) {
  auto done = self->make_response_promise<reload_outcome>();
  if (self->state.waiting.size() >= max_waiting_changes) {
    self->state.now.process->reloads.failed(!change);
    refuse(log_of(self), done, "too many changes are waiting");
    return done;
  }
  request of{std::move(change), done, self->clock().now()};
  run_in_turn(self, {[self, of = std::move(of)] { begin(self, of); }, done});
  return done;
}

} // namespace

void tell_problems(logger& log, const std::vector<config::problem>& problems) {
  for (const auto& p : problems)
    if (p.level == config::problem::severity::warning)
      log.warn("msg=config_warning detail={}", quoted_text(p.str()));
    else
      log.error("msg=reload_refused detail={}", quoted_text(p.str()));
}

void next_change(store_pointer self) {
  auto& s = self->state;
  s.change = nullptr;
  if (s.waiting.empty()) {
    if (s.drained.pending())
      s.drained.deliver(true);
    return;
  }
  auto next = std::move(s.waiting.front());
  s.waiting.pop_front();
  next.run();
}

std::string_view why_ending(const policy_store_state& s) {
  return s.failed        ? "a worker is lost: the proxy ends"
         : s.source_lost ? "the policy source does not deliver: it is lost, and the proxy ends"
         : s.draining    ? "the proxy is shutting down"
                         : std::string_view{s.closing};
}

void push(store_pointer self, const listener_set& listeners) {
  auto& now = self->state.now;
  auto change = self->state.change;
  begin_push(self->state);
  for (size_t i = 0; i < now.shards.size(); ++i)
    self->request(now.shards[i], acknowledgement_patience, atom::install_v, now.current, listeners)
      .then([self, change, i](uint64_t closed) { acknowledged(self, change, i, closed); },
            [self, i](const caf::error& why) {
              auto late = why == caf::sec::request_timeout;
              fail(self, i,
                   late ? "did not take the policy in time"
                        : "did not take the policy (" + self->system().render(why) + ')');
            });
}

policy_store_state::~policy_store_state() {
  auto told = [&](std::optional<outcome_promise>& done) {
    if (done)
      refuse(*now.process->log, *done, "the policy store is lost: the proxy ends");
  };
  if (change)
    told(change->done);
  for (auto& each : waiting)
    told(each.done);
  if (drained.pending())
    drained.deliver(caf::make_error(errc::system, std::string{"the policy store is lost"}));
}

policy_store_actor::behavior_type policy_store(store_pointer self, store_start start) {
  self->state.now = std::move(start);
  tell_in_force(self->state);
  watch_others(self);
  return {
    [self](atom::current) { return self->state.now.current; },
    [self](atom::addresses) {
      if (!std::exchange(self->state.addresses_waiting, true))
        run_in_turn(self, {[self] { begin_addresses(self); }});
    },
    [self](atom::drain) {
      auto& s = self->state;
      s.draining = true;
      caf::anon_send(s.now.listeners, atom::drain_v);
      s.drained = self->make_response_promise<bool>();
      if (!s.change)
        s.drained.deliver(true);
      give_up_unpushed(self);
      return s.drained;
    },
    [self](atom::close, const std::string& why) {
      self->state.closing = why;
      give_up_unpushed(self);
      return true;
    },
    [self](atom::reload) { return enqueue(self, nullptr); },
    [self](atom::set_mode, policy::mode mode) {
      return enqueue(self, [mode](policy_wish& wish) {
        wish.mode = mode;
        wish.mode_as = config::mode_override::must_hold;
      });
    },
    [self](atom::lift_mode) { return enqueue(self, [](policy_wish& wish) { wish.mode.reset(); }); },
    [self](atom::allow, const std::string& pattern) {
      return enqueue(self, [pattern](policy_wish& wish) { wish.adds.allowed = {pattern}; });
    },
    [self](atom::deny, const std::string& pattern) {
      return enqueue(self, [pattern](policy_wish& wish) { wish.adds.denied = {pattern}; });
    },
  };
}

} // namespace proxy
