#include "actors/serve/worker/shard.hpp"

#include <caf/send.hpp>

#include <algorithm>

#include "actors/loop/system/cores.hpp"
#include "actors/loop/system/open_descriptor.hpp"
#include "actors/loop/task/request.hpp"
#include "actors/serve/client/admin_session.hpp"
#include "actors/serve/client/connection.hpp"
#include "actors/serve/decide/decider_desk.hpp"
#include "actors/serve/exchange/stream_session.hpp"

namespace proxy {

namespace {

session_actor handle_of(client_session& c) { return caf::actor_cast<session_actor>(&c.self); }

/// Whoever serves a client of the proxy, streams and all.
template <class F>
void for_each_session(const shard_core& core, F f) {
  for (auto* c : core.connections())
    f(c->session());
  for (auto* c : core.streams())
    f(c->session());
}

/// From now on the proxy ends when this one ends without being told to.
template <class Handle>
void watch(shard_state& s, const std::string& what, const Handle& who) {
  caf::anon_send(s.supervisor, atom::watch_v, what + " of " + worker_name(s.core->index), true,
                 caf::actor_cast<caf::strong_actor_ptr>(who));
}

/// Closes the listeners whose sockets do not pass.
template <class F>
void keep_listeners(shard_state& s, F passes) {
  std::erase_if(s.listeners, [&](const auto& entry) {
    if (passes(entry.first))
      return false;
    local<listener>(entry.second).close();
    caf::anon_send(entry.second, atom::abort_v);
    return true;
  });
}

/// Takes in only these from now on: listeners for others are closed by the time this returns.
void take_in_only(shard_state& s, intake whom) {
  auto& core = *s.core;
  core.takes_in = std::max(core.takes_in, whom);
  keep_listeners(s, [&](const auto& socket) { return core.admits(socket->serves); });
}

bool serves_clients(const bound_listener_ptr& socket) { return socket->serves != endpoint::admin; }

/// Listens on the wanted sockets, so far as the shard takes in who comes there.
void set_listeners(shard_pointer self, const listener_set& wanted) {
  auto& s = self->state;
  s.wanted_listeners =
    static_cast<size_t>(std::count_if(wanted.begin(), wanted.end(), serves_clients));
  keep_listeners(s, [&](const auto& socket) {
    return std::find(wanted.begin(), wanted.end(), socket) != wanted.end();
  });
  for (const auto& socket : wanted) {
    auto same = [&](const auto& entry) { return entry.first == socket; };
    if (s.core->admits(socket->serves) &&
        std::none_of(s.listeners.begin(), s.listeners.end(), same)) {
      caf::actor_config cfg{&s.core->loop};
      s.listeners.emplace_back(
        socket, self->system().spawn_impl<listener, caf::hidden>(cfg, *s.core, socket));
      watch(s, std::string{to_string(socket->serves)} + " listener", s.listeners.back().second);
    }
  }
}

/// How long the tunnels of a shard may take to judge themselves, all together.
constexpr std::chrono::seconds judgement_patience{20};

/// Counts the answers of tunnels that judge themselves; delivers how many closed once all are here.
struct policy_spread final : timer {
  explicit policy_spread(caf::typed_response_promise<uint64_t> to) : done(std::move(to)) {}

  void answered(bool has_closed) {
    closed += has_closed;
    if (--waiting == 0 && done.pending())
      done.deliver(closed);
  }
  /// One that does not answer may be open under a policy that is no longer in force.
  void on_timer() override {
    if (waiting > 0 && done.pending())
      done.deliver(no_answer_in_time());
  }

  caf::typed_response_promise<uint64_t> done;
  size_t waiting = 1; ///< The one that keeps the count open.
  uint64_t closed = 0;
};

/// Asks every tunnel to judge itself.
/// @param aborted  How many have been told to end, and will have by the time they are asked.
void judge_tunnels(shard_pointer self, const snapshot_ptr& next, uint64_t aborted,
                   caf::typed_response_promise<uint64_t> done) {
  auto& core = *self->state.core;
  auto count = std::make_shared<policy_spread>(std::move(done));
  count->closed = aborted;
  for_each_session(core, [&](client_session& c) {
    if (!c.is_open_to_judgement() && !c.is_connecting)
      return;
    ++count->waiting;
    self->request(handle_of(c), kept_by_the_loop, atom::judge_v, next)
      .then([count](bool closed) { count->answered(closed); },
            [count](const caf::error&) { count->answered(false); }); // it ended by itself
  });
  if (count->waiting > 1)
    core.loop.arm(*count, core.loop.now() + judgement_patience);
  count->answered(false);
}

/// What a client that is gone for us may still take its time for (as `timeouts.idle`, but no more).
constexpr std::chrono::milliseconds longest_linger = std::chrono::minutes{1};

void install(shard_pointer self, const snapshot_ptr& next, const listener_set& listeners) {
  auto& core = *self->state.core;
  auto first = core.policy->generation == 0;
  if (first || core.config().dns != next->config->dns ||
      core.config().timeouts != next->config->timeouts)
    self->send(core.resolver, atom::configure_v, next->config);
  core.loop.calls().run(); // what was written under the old one is not to begin under this one
  core.policy = next;
  const auto& audit = next->config->audit;
  auto audited = core.process->audited || audit.output != "none";
  core.events.audit_to(audited ? self->state.audit : audit_actor{}, audit.queue_size);
  auto memory = next->config->limits.memory;
  core.process->memory.limit.store(static_cast<int64_t>(memory > 0 ? memory : usable_memory() / 4),
                                   std::memory_order_relaxed);
  auto clients = next->config->limits.max_connections;
  core.process->max_connections.store(clients > 0 ? clients : clients_for(usable_descriptors()),
                                      std::memory_order_relaxed);
  core.pool.begin_generation(next->generation, next->config->limits, next->config->timeouts);
  core.loop.calls().linger_for(std::min(next->config->timeouts.idle, longest_linger));
  set_listeners(self, listeners);
  if (!next->rules->enabled)
    for_each_session(core, [&](client_session& c) { self->send(handle_of(c), atom::abort_v); });
}

/// Has a shard that ends look again in the next turn: whoever ends in this one goes at the end of
/// it, and refers to the core until then. (So do listeners, which have yet to hear of it.)
struct pass_of_end final : ready_handler {
  explicit pass_of_end(shard_pointer whose)
    : self(whose), keeps(caf::actor_cast<caf::strong_actor_ptr>(whose)) {}
  ~pass_of_end() override { self->loop().not_again(*this); }
  void fire() override { self->send(self, atom::abort_v); }
  shard_pointer self;
  caf::strong_actor_ptr keeps; ///< Who has told it to end may have let go of it.
};

/// Tells everybody who is connected, to the admin API too.
template <class What>
void tell_all(shard_pointer self, What what) {
  for_each_session(*self->state.core, [&](client_session& c) { self->send(handle_of(c), what); });
  for (auto* c : self->state.core->admin_sessions())
    self->send(caf::actor_cast<admin_session_actor>(c), what);
}

/// What the shard has counted, what its clients have moved so far, and what there is at present.
shard_counters count(const shard_core& core) {
  auto out = core.counters;
  for_each_session(core, [&](const client_session& c) {
    auto [up, down] = c.moved_in_tunnel();
    out.tunnel_bytes_up += up;
    out.tunnel_bytes_down += down;
    out.bytes_up += c.bytes_up;
    out.bytes_down += c.bytes_down;
  });
  for (auto* c : core.connections())
    ++out.connections_active[c->session().speaks()];
  out.connections_active[spoken::admin] = core.admin_sessions().size();
  out.http2_streams_active = core.streams().size();
  out.upstream_idle = core.pool.size();
  out.leaf_cache_entries = core.leaves.size() + core.refused_leaves.cache.size();
  out.actors_with_mail = core.loop.actors_with_mail();
  return out;
}

worker_beat beat(const shard_state& s) {
  auto accepts = [](const auto& entry) {
    return serves_clients(entry.first) && local<listener>(entry.second).accepts();
  };
  worker_beat out;
  out.generation = s.core->policy->generation;
  out.listeners =
    static_cast<size_t>(std::count_if(s.listeners.begin(), s.listeners.end(), accepts));
  out.wanted = s.wanted_listeners;
  out.draining = s.core->takes_in != intake::everybody;
  return out;
}

/// Takes in no clients any more, and lets those go that have nothing under way.
caf::typed_response_promise<bool> drain(shard_pointer self) {
  auto& s = self->state;
  auto drained = self->make_response_promise<bool>();
  take_in_only(s, intake::admin_only);
  s.core->pool.clear();
  tell_all(self, atom::drain_v);
  s.core->answer_drain(drained);
  return drained;
}

/// Serves nobody any more, but for answers that clients of the admin API wait for.
caf::typed_response_promise<bool> close(shard_pointer self) {
  auto& core = *self->state.core;
  auto closed = self->make_response_promise<bool>();
  take_in_only(self->state, intake::nobody);
  core.pool.clear();
  for_each_session(core, [&](client_session& c) { self->send(handle_of(c), atom::abort_v); });
  for (auto* c : core.admin_sessions())
    self->send(caf::actor_cast<admin_session_actor>(c), atom::close_v);
  core.answer_close(closed);
  return closed;
}

/// Their unanswered promises hold them: only being told ends them.
void end_helpers(const shard_core& core) {
  caf::anon_send_exit(core.resolver, caf::exit_reason::user_shutdown);
  if (core.desk)
    caf::anon_send_exit(core.desk, caf::exit_reason::user_shutdown);
}

/// Ends everything at once: a step of the way, which comes again until all are gone.
void end(shard_pointer self) {
  take_in_only(self->state, intake::nobody);
  auto& core = *self->state.core;
  core.pool.clear();
  core.peers.clear();
  core.store = nullptr;
  core.supervisor = nullptr;
  tell_all(self, atom::abort_v);
  end_helpers(core);
  auto& st = self->state;
  auto alone =
    core.connections().empty() && core.streams().empty() && core.admin_sessions().empty();
  if (std::exchange(st.alone, alone) && alone) {
    st.ended = true;
    self->quit();
    return;
  }
  if (!st.next_pass)
    st.next_pass = std::make_unique<pass_of_end>(self);
  core.loop.not_again(*st.next_pass); // it may have been told twice
  core.loop.again(*st.next_pass);
}

} // namespace

shard_state::~shard_state() {
  if (!core || ended)
    return;
  take_in_only(*this, intake::nobody);
  core->peers.clear();
  core->store = nullptr;
  core->supervisor = nullptr;
  for_each_session(*core, [](client_session& c) { caf::anon_send(handle_of(c), atom::abort_v); });
  for (auto* c : core->admin_sessions())
    caf::anon_send(caf::actor_cast<admin_session_actor>(c), atom::abort_v);
  end_helpers(*core);
  auto& loop = core->loop;
  loop.keep(std::shared_ptr<shard_core>{std::move(core)}); // what ends later refers to it
}

shard_actor::behavior_type shard(shard_pointer self, shard_start start) {
  auto& s = self->state;
  s.core = std::make_unique<shard_core>(self->loop(), start.index, start.process);
  s.audit = start.audit;
  s.supervisor = start.supervisor;
  s.core->ca = start.ca;
  s.core->supervisor = start.supervisor;
  s.core->policy = start.before;
  s.core->resolver =
    spawn_pinned<caf::hidden>(self->loop(), resolver, start.before->config, start.process->log);
  watch(s, "resolver", s.core->resolver);
  if (start.process->outside) {
    s.core->desk = spawn_pinned<caf::hidden>(self->loop(), decider_desk, start.process->outside);
    watch(s, "decider_desk", s.core->desk);
  }
  return {
    [self](atom::install, const snapshot_ptr& next, const listener_set& listeners) {
      auto done = self->make_response_promise<uint64_t>();
      auto was_enabled = self->state.core->policy->rules->enabled;
      auto tunnels = self->state.core->counters.tunnels_active;
      install(self, next, listeners);
      judge_tunnels(self, next, was_enabled && !next->rules->enabled ? tunnels : 0, done);
      return done;
    },
    [self](atom::listen, const peers_ptr& peers) {
      self->state.core->peers = peers->shards;
      self->state.core->store = peers->store;
    },
    [self](atom::adopt, const accepted_socket_ptr& socket, endpoint serves, const ip_address& ip,
           uint16_t port) { spawn_session(*self->state.core, socket->take(), serves, ip, port); },
    [self](atom::describe) {
      std::vector<connection_info> out;
      for_each_session(*self->state.core,
                       [&](const client_session& c) { out.push_back(c.describe()); });
      return out;
    },
    [self](atom::count) { return count(*self->state.core); },
    [self](atom::blocked) { return self->state.core->events.blocked(); },
    [self](atom::beat) { return beat(self->state); },
    [self](atom::drain) { return drain(self); },
    [self](atom::close) { return close(self); },
    [self](atom::abort) { end(self); },
  };
}

} // namespace proxy
