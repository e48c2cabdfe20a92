#include "actors/network_proxy.hpp"

#include "actors/admin/admin_flow.hpp"

#include <algorithm>
#include <stdexcept>

#include "actors/control/threads.hpp"
#include "actors/loop/calls/io_choice.hpp"
#include "actors/loop/system/cores.hpp"
#include "actors/loop/system/quiet_thread.hpp"
#include "actors/network_proxy_parts.hpp"
#include "actors/observe/log/log.hpp"
#include "actors/serve/worker/shard.hpp"
#include "actors/telemetry_sources.hpp"

namespace proxy {

namespace {

/// Certificates of intercepted hosts that are kept, beside those that each worker keeps.
constexpr size_t max_leaves = 1000;

/// Threads of a proxy besides its workers: CAF's two of the scheduler, its clock and its printer;
/// the log, the supervisor, the policy source, the socket dialer; a watch for signals to end.
constexpr size_t helper_threads = 9;

} // namespace

void network_proxy::impl::spawn_helpers(const listener_set& bound, const start_order& order) {
  const auto& can = order.can;
  listeners = system.spawn<caf::hidden>(listener_owner, bound, &this_machine().network);
  supervisor = spawn_detached(
    system, proxy::supervisor,
    supervisor_start{process->log, listeners,
                     [told = failure](const std::string& why) { (*told)(why); }, can.watched});
  watch("listener_owner", listeners);
  audit = system.spawn<caf::hidden>(
    proxy::audit, audit_start{audit_queue_of(process), process->log, order.around.audit,
                              order.around.speaks, order.around.metadata});
  watch("audit", audit);
  ca = system.spawn<caf::hidden>(proxy::ca, max_leaves, &this_machine().clock);
  watch("ca", ca);
  if (!can.unix_sockets)
    return;
  process->socket_dialer = spawn_detached(system, socket_dialer, &this_machine().network);
  watch("socket_dialer", process->socket_dialer);
}

void network_proxy::impl::start_workers(size_t count, io_choice& io) {
  for (size_t i = 0; i < count; ++i) {
    worker w;
    w.loop = std::make_unique<event_loop>(system);
    auto tell = [log = process->log, name = worker_name(i)](const std::string& why) {
      log->warn("msg=io_plain actor={} detail={}", quoted_text(name), quoted_text(why));
    };
    if (!io.apply(
          w.loop->calls(), [] { return this_machine().network.make_executor(); }, tell))
      throw std::runtime_error("io: batched is not possible for all workers: " + io.why());
    w.shard = spawn_pinned(*w.loop, shard,
                           shard_start{i, process, closed_snapshot(), audit, ca, supervisor});
    watch(worker_name(i), w.shard);
    w.thread = quiet_thread([loop = w.loop.get()] { loop->run(); });
    workers.push_back(std::move(w));
  }
}

void network_proxy::impl::make_exporter(const audit_metadata& metadata) {
  const auto& on = this_machine();
  telemetry_sender sender{random_uuid(on.entropy), metadata, on.clock.wall()};
  telemetry = std::make_shared<exporter>(exporter_parts{
    process->telemetry, process->log,
    [sender, &on](const config::otel& settings) { return encoders_of(sender, settings, on.clock); },
    [this, &on] { // who ends the exporter before it ends itself
      const visit here;
      return gathered(system, shards(), held(store), *process, on.clock);
    }});
}

void network_proxy::impl::start_control(config::sources from, const prepared& first) {
  sources = std::make_shared<policy_sources>(system, std::move(from), supervisor, leaving);
  store = system.spawn<caf::hidden>(
    policy_store, store_start{sources->begin(), listeners, supervisor, shards(), audit, process,
                              first.next, first.proxies, [all = sources] { return all->begin(); },
                              [to = telemetry](const config::otel& how) { to->apply(how); }});
  watch("policy_store", store);
}

peers_ptr network_proxy::impl::peers() const {
  auto out = std::make_shared<peer_handles>();
  out->store = store;
  out->shards = shards();
  return out;
}

std::vector<shard_actor> network_proxy::impl::shards() const {
  std::vector<shard_actor> out;
  std::lock_guard guard{handles};
  for (const auto& w : workers)
    out.push_back(w.shard);
  return out;
}

bool network_proxy::impl::install(const prepared& first, const peers_ptr& peers) {
  caf::scoped_actor self{system};
  self->send(supervisor, atom::listen_v, peers);
  self->request(audit, answer_patience, atom::configure_v, first.next->config)
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

void network_proxy::impl::watch_addresses() {
  caf::actor_config on{workers.front().loop.get()};
  addresses = system.spawn_impl<address_watch, caf::hidden>(on, store);
  watch("address_watch", addresses);
}

network_proxy::network_proxy(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
network_proxy::network_proxy(network_proxy&&) noexcept = default;
network_proxy& network_proxy::operator=(network_proxy&&) noexcept = default;
network_proxy::~network_proxy() = default;

namespace {

start_failure cannot_start(std::string why) {
  return {start_failure::kind::system, {problem_of("", std::move(why))}};
}

std::optional<std::string> address_of(const listener_set& all, endpoint which) {
  auto at = std::find_if(all.begin(), all.end(), [&](const auto& l) { return l->serves == which; });
  return at == all.end() ? std::nullopt : std::optional{(*at)->address()};
}

log_ptr logger_for(const surrounding_program& around, const config::log& settings) {
  if (around.log)
    return std::make_shared<logger>(settings, around.log);
  if (around.speaks)
    return make_logger(settings);
  return std::make_shared<logger>(settings, [](std::string_view) { return size_t{0}; });
}

/// What was doubtful, and where the proxy is to be reached.
void tell_of_start(logger& log, const bound_proxy& bound) {
  const auto& config = bound.config();
  for (const auto& p : bound.first.problems)
    log.warn("msg=config_warning detail={}", quoted_text(p.str()));
  if (!bound.order.can.unix_sockets &&
      (!config.allow_unix_sockets.empty() || config.dangerously_allow_all_unix_sockets))
    log.warn(
      "msg=config_warning detail=\"allow_unix_sockets: unix sockets are served on macOS only; "
      "requests with x-unix-socket are refused here\"");
}

} // namespace

std::optional<std::string> bound_proxy::address(endpoint which) const {
  return address_of(first.listeners, which);
}

std::variant<bound_proxy, start_failure> network_proxy::bind(start_order wanted) {
  auto first = prepare(wanted.from, 1, {}, wanted.loaded);
  if (!first.next)
    return start_failure{first.bind_failed ? start_failure::kind::bind
                                           : start_failure::kind::config,
                         std::move(first.problems)};
  return bound_proxy{std::move(wanted), std::move(first)};
}

std::variant<network_proxy, start_failure> network_proxy::run(bound_proxy bound) {
  auto& [order, first] = bound;
  const auto& config = bound.config();
  auto cores = worker_count(config.workers);
  auto io = choose_io(config.io, this_machine().network);
  const auto way = io.str();
  if (io.error != 0 && io.is_demanded)
    return cannot_start("io: batched is not possible here: " + io.why());
  // Asked beforehand: those that CAF starts for itself end the process where they cannot be had.
  if (auto all = helper_threads + cores + is_on(config.otel); !can_have_threads(all))
    return cannot_start("the system does not allow " + std::to_string(all) +
                        " threads more (ulimit -u, or pids.max of the cgroup)");
  auto context = tls::server_context::make();
  if (!context)
    return start_failure{start_failure::kind::config,
                         {problem_of("", context_of(context.error()))}};
  const visit here;
  std::unique_ptr<impl> made;
  try {
    made = std::make_unique<impl>(order.around.system);
    made->process = std::make_shared<process_state>(cores);
    made->process->log = logger_for(order.around, config.log);
    made->process->admin_flow = admin_flow;
    made->process->refused = order.around.refused;
    made->process->audited = static_cast<bool>(order.around.audit);
    made->process->outside = order.around.decider;
    made->process->tls_server = std::move(*context);
    made->failure = std::make_shared<failure_report>(made->process->log, std::move(order.failed));
    tell_of_start(*made->process->log, bound);
    made->spawn_helpers(first.listeners, order);
    made->start_workers(cores, io);
    made->make_exporter(order.around.metadata);
    made->start_control(std::move(order.from), first);
  } catch (const std::exception& e) { // no thread, or no descriptor, is left for a worker
    return cannot_start(e.what());
  }
  auto peers = made->peers();
  made->watch_supervisor(peers, order.can);
  made->telemetry->apply(config.otel); // before the first decision
  if (!made->install(first, peers))
    return cannot_start("a worker does not take the policy");
  made->watch_addresses();
  auto& log = *made->process->log;
  for (const auto& l : first.listeners)
    log.info("msg=listening listener={} address={}", to_string(l->serves), l->address());
  if (!config.enabled)
    log.warn("msg=disabled detail={}", quoted_text(what_is_open(first.listeners)));
  if (io.error != 0)
    log.info("msg=io_plain detail={}", quoted_text(io.why()));
  log.info("msg=ready generation=1 workers={} io={} mode={}", cores, way,
           policy::to_string(config.mode));
  return network_proxy{std::move(made)};
}

std::variant<network_proxy, start_failure> network_proxy::start(start_order wanted) {
  auto bound = bind(std::move(wanted));
  if (auto* why = std::get_if<start_failure>(&bound))
    return std::move(*why);
  return run(std::get<bound_proxy>(std::move(bound)));
}

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

snapshot_ptr network_proxy::current() const {
  return impl_->ask_once<snapshot_ptr>(impl_->store, atom::current_v).value_or(nullptr);
}

policy_store_actor network_proxy::store() const { return impl_->held(impl_->store); }

config_ptr network_proxy::config() const {
  auto now = current();
  return now ? now->config : nullptr;
}

reload_outcome network_proxy::reload() { return impl_->change(atom::reload_v); }

void network_proxy::begin_reload() { caf::anon_send(impl_->held(impl_->store), atom::reload_v); }

reload_outcome network_proxy::set_mode(policy::mode mode) {
  return impl_->change(atom::set_mode_v, mode);
}

reload_outcome network_proxy::lift_mode() { return impl_->change(atom::lift_mode_v); }

reload_outcome network_proxy::add_allowed_domain(std::string pattern) {
  return impl_->change(atom::allow_v, std::move(pattern));
}

reload_outcome network_proxy::add_denied_domain(std::string pattern) {
  return impl_->change(atom::deny_v, std::move(pattern));
}

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

void network_proxy::reopen_files() { caf::anon_send(impl_->held(impl_->audit), atom::reopen_v); }

} // namespace proxy
