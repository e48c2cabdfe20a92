#include "actors/network_proxy.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include "actors/control/address_watch.hpp"
#include "actors/control/departures.hpp"
#include "actors/control/failure_report.hpp"
#include "actors/control/file_source.hpp"
#include "actors/control/generation.hpp"
#include "actors/control/policy_store_behavior.hpp"
#include "actors/cores.hpp"
#include "actors/observe/log.hpp"
#include "actors/shard_behavior.hpp"

namespace proxy {

namespace {

struct system_config : caf::actor_system_config {
  system_config() {
    // Two threads for what is slow or blocks (configuration, audit); they sleep while there is none
    // of it, which the default policy of stealing work does not.
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", size_t{2});
  }
};

/// How long an actor may take to answer a question.
constexpr std::chrono::seconds patience{10};
/// How long all parts together may take to end.
constexpr std::chrono::seconds end_patience{10};

/// Certificates of intercepted hosts that are kept, beside those that each worker keeps.
constexpr size_t max_leaves = 1000;

/// One worker: its loop and the thread that runs it.
struct worker {
  std::unique_ptr<event_loop> loop;
  std::thread thread;
  shard_actor shard;
};

/// Settled once: everything ended by itself, or somebody would not wait.
struct shutdown_result {
  std::promise<bool> result;
  std::atomic<bool> settled{false};
  void settle(bool drained) {
    if (!settled.exchange(true))
      result.set_value(drained);
  }
};

} // namespace

struct network_proxy::impl {
  system_config config;
  caf::actor_system system{config};
  std::shared_ptr<process_state> process;
  std::shared_ptr<failure_report> failure;
  std::vector<worker> workers;
  supervisor_actor supervisor;
  listener_owner_actor listeners;
  policy_source_actor source;
  audit_actor audit;
  ca_actor ca;
  policy_store_actor store;
  address_watch_actor addresses;
  std::shared_ptr<shutdown_result> over = std::make_shared<shutdown_result>();
  std::shared_ptr<departures> leaving = std::make_shared<departures>();
  std::optional<bool> ended; ///< What `end` returned.

  ~impl() { (void)end(); }

  /// Ends everybody, in the order in which they need each other. A source that still reads is no
  /// loss: it holds nothing that would have to be in order, only its thread would be waited for.
  /// @returns false when it does.
  bool end() {
    if (ended)
      return *ended;
    auto deadline = this_machine().clock.now() + end_patience;
    leaving->begin(deadline);
    (void)end_watch();
    tell_to_end("policy_source", source); // waited for last: it may take its time
    tell_to_end("supervisor", supervisor);
    await_end("supervisor");
    abort("address_watch", addresses);
    await_end("address_watch");
    for (auto& w : workers)
      abort("worker", w.shard);
    await_end("worker");
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

  template <class Handle>
  void tell_to_end(const std::string& name, Handle& whom) {
    if (!whom)
      return;
    departures::add(leaving, name, whom);
    caf::anon_send_exit(whom, caf::exit_reason::user_shutdown);
    whom = nullptr;
  }

  template <class Handle>
  void abort(const std::string& name, Handle& whom) {
    if (!whom)
      return;
    departures::add(leaving, name, whom);
    caf::anon_send(whom, atom::abort_v);
    whom = nullptr;
  }

  /// The thread of one that hangs would never be joined, so the owner is told.
  void await_end(const std::string& name) {
    if (!leaving->await(name))
      failure->lost(name, "does not end");
  }

  void flush_audit(std::chrono::steady_clock::time_point deadline) {
    if (!audit)
      return;
    caf::scoped_actor self{system};
    auto left = std::max(deadline - this_machine().clock.now(), std::chrono::nanoseconds{1});
    self->request(audit, caf::timespan{left}, atom::flush_v)
      .receive([](bool) {}, [](const caf::error&) {}); // its end tells
  }

  /// From now on the proxy ends when this actor ends.
  template <class Handle>
  void watch(const std::string& name, const Handle& who) {
    caf::anon_send(supervisor, atom::watch_v, name, false,
                   caf::actor_cast<caf::strong_actor_ptr>(who));
  }

  /// The supervisor is watched too: without it nobody would notice who else is lost.
  void watch_supervisor(const peers_ptr& peers, const abilities& can) {
    supervisor->attach_functor(
      [told = failure, owner = listeners, peers, &sys = system](const caf::error& why) {
        if (was_told_to_end(why))
          return;
        close_all(owner, peers);
        told->lost("supervisor", sys.render(why));
      });
    if (can.watched)
      can.watched("supervisor", caf::actor_cast<caf::strong_actor_ptr>(supervisor));
  }

  /// From now on whoever ends was told to.
  /// @returns false where somebody was lost before; by then the owner has been told.
  [[nodiscard]] bool end_watch() {
    auto all_well = true;
    caf::scoped_actor self{system};
    if (supervisor)
      self->request(supervisor, patience, atom::close_v)
        .receive([&](bool well) { all_well = well; },
                 [&](const caf::error& why) { // it is lost itself, or hangs
                   failure->lost("supervisor", system.render(why));
                   all_well = false;
                 });
    return all_well;
  }

  /// Those who are asked by workers, and who watches over all.
  void spawn_helpers(const listener_set& bound, const abilities& can) {
    listeners = system.spawn<caf::hidden>(listener_owner, bound);
    supervisor = system.spawn<caf::hidden + caf::detached>(
      proxy::supervisor,
      supervisor_start{process->log, listeners,
                       [told = failure](const std::string& why) { (*told)(why); }, can.watched});
    watch("listener_owner", listeners);
    audit = system.spawn<caf::hidden>(proxy::audit, audit_queue_of(process), process->log);
    watch("audit", audit);
    ca = system.spawn<caf::hidden>(proxy::ca, max_leaves, &this_machine().clock);
    watch("ca", ca);
    if (!can.unix_sockets)
      return;
    process->socket_dialer =
      system.spawn<caf::hidden + caf::detached>(socket_dialer, &this_machine().network);
    watch("socket_dialer", process->socket_dialer);
  }

  void start_workers(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      worker w;
      w.loop = std::make_unique<event_loop>(system);
      w.shard = spawn_pinned(*w.loop, shard,
                             shard_start{i, process, closed_snapshot(), audit, ca, supervisor});
      watch(worker_name(i), w.shard);
      w.thread = std::thread{[loop = w.loop.get()] { loop->run(); }};
      workers.push_back(std::move(w));
    }
  }

  void start_control(config::sources from, const prepared& first) {
    source =
      system.spawn<caf::hidden + caf::detached>(file_source, file_source_start{std::move(from)});
    watch("policy_source", source);
    store = system.spawn<caf::hidden>(policy_store,
                                      store_start{source, listeners, supervisor, shards(), audit,
                                                  process, first.next, first.proxies});
    watch("policy_store", store);
  }

  [[nodiscard]] peers_ptr peers() const {
    auto out = std::make_shared<peer_handles>();
    out->store = store;
    out->shards = shards();
    return out;
  }

  [[nodiscard]] std::vector<shard_actor> shards() const {
    std::vector<shard_actor> out;
    for (const auto& w : workers)
      out.push_back(w.shard);
    return out;
  }

  /// Puts the first generation in force everywhere. @returns false when a worker does not take it.
  [[nodiscard]] bool install(const prepared& first, const peers_ptr& peers) {
    caf::scoped_actor self{system};
    self->send(supervisor, atom::listen_v, peers);
    self->request(audit, patience, atom::configure_v, first.next->config)
      .receive([](bool) {}, [](const caf::error&) {}); // what it lacks, it logs
    auto served = true;
    for (size_t i = 0; i < workers.size(); ++i) {
      const auto& shard = workers[i].shard;
      self->send(shard, atom::listen_v, peers);
      self->request(shard, acknowledgement_patience, atom::install_v, first.next, first.listeners)
        .receive([](uint64_t) {},
                 [&](const caf::error& why) {
                   served = false;
                   self->send(supervisor, atom::lost_v, worker_name(i),
                              "did not take the policy (" + system.render(why) + ')');
                 });
    }
    return served;
  }

  void watch_addresses() {
    caf::actor_config on{workers.front().loop.get()};
    addresses = system.spawn_impl<address_watch, caf::hidden>(on, store);
    watch("address_watch", addresses);
  }

  template <class Answer, class Handle, class... Ts>
  [[nodiscard]] std::optional<Answer> ask_once(const Handle& whom, Ts... xs) {
    return ask_within<Answer>(patience, whom, xs...);
  }

  template <class... Ts>
  [[nodiscard]] reload_outcome change(Ts... xs) {
    if (auto out = ask_within<reload_outcome>(change_answer_patience, store, xs...))
      return std::move(*out);
    reload_outcome unanswered;
    unanswered.problems.push_back(problem_of("", "the proxy is busy or ending"));
    return unanswered;
  }

  template <class Answer, class Handle, class... Ts>
  [[nodiscard]] std::optional<Answer> ask_within(std::chrono::seconds limit, const Handle& whom,
                                                 Ts... xs) {
    std::optional<Answer> out;
    caf::scoped_actor self{system};
    self->request(whom, limit, xs...)
      .receive([&](Answer& a) { out.emplace(std::move(a)); }, [](const caf::error&) {});
    return out;
  }
};

network_proxy::network_proxy(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
network_proxy::network_proxy(network_proxy&&) noexcept = default;
network_proxy& network_proxy::operator=(network_proxy&&) noexcept = default;
network_proxy::~network_proxy() = default;

std::variant<network_proxy, start_failure>
network_proxy::start(config::sources from, failure_handler failed, abilities can,
                     const std::function<void()>& loaded) {
  auto first = prepare(from, 1, {}, loaded);
  if (!first.next)
    return start_failure{first.bind_failed ? start_failure::kind::bind
                                           : start_failure::kind::config,
                         std::move(first.problems)};
  const auto& config = *first.next->config;
  auto cores = worker_count(config.workers);
  auto made = std::make_unique<impl>();
  made->process = std::make_shared<process_state>(cores);
  made->process->log = make_logger(config.log);
  made->failure = std::make_shared<failure_report>(made->process->log, std::move(failed));
  if (auto context = tls::server_context::make())
    made->process->tls_server = std::move(*context);
  else
    return start_failure{start_failure::kind::config,
                         {problem_of("", context_of(context.error()))}};
  auto& log = *made->process->log;
  for (const auto& p : first.problems)
    log.warn("msg=config_warning detail={}", quoted_text(p.str()));
  if (!can.unix_sockets &&
      (!config.allow_unix_sockets.empty() || config.dangerously_allow_all_unix_sockets))
    log.warn(
      "msg=config_warning detail=\"allow_unix_sockets: unix sockets are served on macOS only; "
      "requests with x-unix-socket are refused here\"");
  auto cannot = [](std::string why) {
    return start_failure{start_failure::kind::system, {problem_of("", std::move(why))}};
  };
  try {
    made->spawn_helpers(first.listeners, can);
    made->start_workers(cores);
    made->start_control(std::move(from), first);
  } catch (const std::exception& e) { // no thread, or no descriptor, is left for a worker
    return cannot(e.what());
  }
  auto peers = made->peers();
  made->watch_supervisor(peers, can);
  if (!made->install(first, peers))
    return cannot("a worker does not take the policy");
  made->watch_addresses();
  for (const auto& l : first.listeners)
    log.info("msg=listening listener={} address={}", to_string(l->serves), l->address());
  if (!config.enabled)
    log.warn("msg=disabled detail={}", quoted_text(what_is_open(first.listeners)));
  log.info("msg=ready generation=1 workers={} mode={}", cores, policy::to_string(config.mode));
  return network_proxy{std::move(made)};
}

namespace {

std::optional<std::string> address_of(const listener_set& all, endpoint which) {
  auto at = std::find_if(all.begin(), all.end(), [&](const auto& l) { return l->serves == which; });
  return at == all.end() ? std::nullopt : std::optional{(*at)->address()};
}

} // namespace

std::optional<std::string> network_proxy::http_address() const {
  auto now = impl_->ask_once<listener_set>(impl_->listeners, atom::listen_v);
  return now ? address_of(*now, endpoint::http) : std::nullopt;
}

std::optional<std::string> network_proxy::socks_address() const {
  auto now = impl_->ask_once<listener_set>(impl_->listeners, atom::listen_v);
  return now ? address_of(*now, endpoint::socks) : std::nullopt;
}

std::optional<std::string> network_proxy::admin_address() const {
  auto now = impl_->ask_once<listener_set>(impl_->listeners, atom::listen_v);
  return now ? address_of(*now, endpoint::admin) : std::nullopt;
}

config_ptr network_proxy::config() const {
  auto now = impl_->ask_once<snapshot_ptr>(impl_->store, atom::current_v);
  return now ? (*now)->config : std::make_shared<const config::proxy_config>();
}

reload_outcome network_proxy::reload() { return impl_->change(atom::reload_v); }

void network_proxy::begin_reload() { caf::anon_send(impl_->store, atom::reload_v); }

reload_outcome network_proxy::set_mode(policy::mode mode) {
  return impl_->change(atom::set_mode_v, mode);
}

reload_outcome network_proxy::lift_mode() { return impl_->change(atom::lift_mode_v); }

blocked_page network_proxy::blocked() const {
  blocked_page all;
  for (const auto& shard : impl_->shards())
    if (auto page = impl_->ask_once<blocked_page>(shard, atom::blocked_v)) {
      all.total += page->total;
      std::move(page->entries.begin(), page->entries.end(), std::back_inserter(all.entries));
    }
  std::sort(all.entries.begin(), all.entries.end(),
            [](const auto& a, const auto& b) { return a->id < b->id; });
  if (all.entries.size() > blocked_ring::max_size)
    all.entries.erase(all.entries.begin(),
                      all.entries.end() - static_cast<std::ptrdiff_t>(blocked_ring::max_size));
  return all;
}

void network_proxy::reopen_files() { caf::anon_send(impl_->audit, atom::reopen_v); }

bool network_proxy::shutdown(std::chrono::milliseconds grace) {
  impl_->process->log->info("msg=draining grace_ms={}", grace.count());
  auto over = impl_->over;
  impl_->system.spawn<caf::hidden>(
    [grace, watching = impl_->supervisor, store = impl_->store](
      caf::event_based_actor* self, const std::shared_ptr<shutdown_result>& result,
      const std::vector<shard_actor>& shards) {
      auto waiting = std::make_shared<size_t>(1 + shards.size());
      auto drain = [=](const auto& whom, const std::string& name) {
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
      drain(store, "policy_store");
      for (size_t i = 0; i < shards.size(); ++i)
        drain(shards[i], worker_name(i));
    },
    over, impl_->shards());
  auto done = over->result.get_future();
  auto drained = done.wait_for(grace) == std::future_status::ready && done.get();
  // Whose loss closed them has not drained.
  drained = impl_->end_watch() && drained;
  impl_->process->log->info("msg=stopped drained={}", drained);
  return drained;
}

bool network_proxy::end() { return impl_->end(); }

void network_proxy::end_now() {
  impl_->over->settle(false);
  impl_->leaving->hurry();
}

} // namespace proxy
