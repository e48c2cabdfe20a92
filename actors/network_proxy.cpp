#include "actors/network_proxy.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/after.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "actors/control/address_watch.hpp"
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
/// How long a change may take, those before it included: every worker judges every open tunnel.
constexpr std::chrono::seconds change_patience{120};

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
  std::vector<worker> workers;
  supervisor_actor supervisor;
  listener_owner_actor listeners;
  policy_source_actor source;
  audit_actor audit;
  ca_actor ca;
  policy_store_actor store;
  address_watch_actor addresses;
  std::shared_ptr<shutdown_result> over = std::make_shared<shutdown_result>();

  ~impl() {
    caf::scoped_actor self{system};
    // First: from here on whoever ends was told to.
    if (supervisor) {
      self->monitor(supervisor);
      end(self, supervisor);
      await_ends(self, 1);
    }
    if (addresses) {
      self->monitor(addresses);
      self->send(addresses, atom::abort_v);
      await_ends(self, 1);
      addresses = nullptr;
    }
    for (auto& w : workers) {
      self->monitor(w.shard);
      self->send(w.shard, atom::abort_v);
    }
    await_ends(self, workers.size());
    self->request(audit, patience, atom::flush_v).receive([](bool) {}, [](const caf::error&) {});
    end(self, store);
    end(self, source);
    end(self, listeners);
    end(self, audit);
    end(self, ca);
    for (auto& w : workers) {
      w.shard = nullptr;
      w.loop->stop();
      w.thread.join();
    }
    // No loop is left that would ask.
    if (process)
      end(self, process->socket_dialer);
    if (process)
      process->log->flush();
  }

  template <class Handle>
  static void end(caf::scoped_actor& self, Handle& whom) {
    if (whom)
      self->send_exit(whom, caf::exit_reason::user_shutdown);
    whom = nullptr;
  }

  /// Waits until actors that were told to end have done so.
  static void await_ends(caf::scoped_actor& self, size_t count) {
    auto late = false;
    while (count-- > 0 && !late)
      self->receive([](const caf::down_msg&) {}, caf::after(patience) >> [&] { late = true; });
  }

  /// From now on the proxy ends when this actor ends.
  template <class Handle>
  void watch(const std::string& name, const Handle& who) {
    caf::anon_send(supervisor, atom::watch_v, name, false,
                   caf::actor_cast<caf::strong_actor_ptr>(who));
  }

  /// Those who are asked by workers, and who watches over all.
  void spawn_helpers(const listener_set& bound, failure_handler failed, const abilities& can) {
    listeners = system.spawn<caf::hidden>(listener_owner, bound);
    supervisor = system.spawn<caf::hidden + caf::detached>(
      proxy::supervisor, supervisor_start{process->log, listeners, std::move(failed), can.watched});
    watch("listener_owner", listeners);
    audit = system.spawn<caf::hidden>(proxy::audit, audit_queue_of(process), process->log);
    watch("audit", audit);
    ca = system.spawn<caf::hidden>(proxy::ca, max_leaves);
    watch("ca", ca);
    if (!can.unix_sockets)
      return;
    process->socket_dialer =
      system.spawn<caf::hidden + caf::detached>(socket_dialer, nothing_to_begin_with{});
    watch("socket_dialer", process->socket_dialer);
  }

  void start_workers(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      auto& w = workers.emplace_back();
      w.loop = std::make_unique<event_loop>(system);
      w.shard = spawn_pinned(*w.loop, shard,
                             shard_start{i, process, closed_snapshot(), audit, ca, supervisor});
      watch(worker_name(i), w.shard);
      w.thread = std::thread{[loop = w.loop.get()] { loop->run(); }};
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

  [[nodiscard]] std::vector<shard_actor> shards() const {
    std::vector<shard_actor> out;
    for (const auto& w : workers)
      out.push_back(w.shard);
    return out;
  }

  /// Puts the first generation in force everywhere. @returns false when a worker does not take it.
  [[nodiscard]] bool install(const prepared& first) {
    caf::scoped_actor self{system};
    auto peers = std::make_shared<peer_handles>();
    peers->store = store;
    peers->shards = shards();
    self->send(supervisor, atom::listen_v, peers_ptr{peers});
    self->request(audit, patience, atom::configure_v, first.next->config)
      .receive([](bool) {}, [](const caf::error&) {}); // what it lacks, it logs
    auto served = true;
    for (auto& w : workers) {
      self->send(w.shard, atom::listen_v, peers_ptr{peers});
      self->request(w.shard, acknowledgement_patience, atom::install_v, first.next, first.listeners)
        .receive([](uint64_t) {}, [&](const caf::error&) { served = false; });
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
    if (auto out = ask_within<reload_outcome>(change_patience, store, xs...))
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
network_proxy::start(config::sources from, failure_handler failed, abilities can) {
  auto first = prepare(from, 1, {});
  if (!first.next)
    return start_failure{first.bind_failed ? start_failure::kind::bind
                                           : start_failure::kind::config,
                         std::move(first.problems)};
  const auto& config = *first.next->config;
  auto cores = config.workers > 0 ? static_cast<size_t>(config.workers) : usable_cores();
  auto made = std::make_unique<impl>();
  made->process = std::make_shared<process_state>(cores);
  made->process->log = make_logger(config.log);
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
  made->spawn_helpers(first.listeners, std::move(failed), can);
  made->start_workers(cores);
  made->start_control(std::move(from), first);
  if (!made->install(first))
    return start_failure{start_failure::kind::system,
                         {problem_of("", "a worker does not take the policy")}};
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
  caf::anon_send(impl_->store, atom::drain_v);
  impl_->system.spawn<caf::hidden>(
    [grace](caf::event_based_actor* self, const std::shared_ptr<shutdown_result>& result,
            const std::vector<shard_actor>& shards) {
      auto waiting = std::make_shared<size_t>(shards.size());
      for (const auto& shard : shards)
        self->request(shard, grace, atom::drain_v)
          .then(
            [result, waiting](bool) {
              if (--*waiting == 0)
                result->settle(true);
            },
            [result](const caf::error&) { result->settle(false); });
    },
    over, impl_->shards());
  auto done = over->result.get_future();
  auto drained = done.wait_for(grace) == std::future_status::ready && done.get();
  impl_->process->log->info("msg=stopped drained={}", drained);
  return drained;
}

void network_proxy::end_now() { impl_->over->settle(false); }

} // namespace proxy
