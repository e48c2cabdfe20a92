#include "tests/simulate/tested_proxy.hpp"

#include <caf/event_based_actor.hpp>

#include <cerrno>
#include <iterator>
#include <utility>

#include "actors/admin/admin_flow.hpp"
#include "actors/control/policy/compile.hpp"
#include "actors/control/policy/generation.hpp"
#include "actors/control/policy/policy_store_behavior.hpp"
#include "actors/loop/pinned_actor.hpp"
#include "tests/simulate/certificates.hpp"
#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

namespace {

using namespace std::chrono_literals;

const auto address = *ip_address::parse("192.0.2.1");

config::listen_address at_port(uint16_t port) {
  return {.ip = address.str(), .port = port, .path = {}};
}

} // namespace

std::string name_of(const ip_address& origin) {
  auto text = origin.str();
  return "o" + text.substr(text.rfind('.') + 1) + ".example";
}

tested_proxy::tested_proxy(simulation::world& w, judge& sees, ledger& books, const temper& how)
  : w_(w), judge_(sees), ledger_(books), how_(how), here_(w.net().add_node("proxy", {address})) {
  process_->log = std::make_shared<logger>(
    config::log{}, [](std::string_view) { return size_t{0}; }, logger::max_waiting_bytes,
    w_.time());
  process_->tls_server = certificates::of_all_worlds().proxy_serves;
  process_->admin_flow = admin_flow;
  desk_.compose = [this](const allowance& allowed, const policy_wish& wish) {
    return compose(allowed, wish);
  };
  desk_.delivers = [this](const allowance& next) {
    comes_to_ = next_port_;
    judge_.installs(next);
  };
  desk_.settled = [this](const reload_outcome& outcome) { settled(outcome); };
  start();
}

tested_proxy::~tested_proxy() { stop(); }

template <class Answer, class Handle, class... Ts>
void tested_proxy::ask(const Handle& whom, std::function<void(const Answer&)> then, Ts... what) {
  w_.system().spawn<caf::hidden>(
    [=, this](caf::event_based_actor* self, int) { // without an argument CAF binds a null reference
      self->request(whom, 10min, what...).then(then, [this](const caf::error&) {
        if (!over_)
          violated_ = "a part of the proxy does not answer";
      });
    },
    0);
}

void tested_proxy::start() {
  std::vector<config::problem> problems;
  auto document = compose({}, {});
  auto compiled = compile(std::move(*document), 1, problems);
  demand(compiled.has_value(), "the first policy does not compile");
  auto bound = bind_listeners(*compiled->config, {}, here_);
  demand(bound.problems.empty(), "the proxy cannot listen");
  auto first = complete(std::move(*compiled), addresses_of(bound.all), problems);
  auto& system = w_.system();
  listeners_ =
    system.spawn<caf::hidden>(listener_owner, bound.all, static_cast<proxy::network*>(&here_));
  supervisor_ = system.spawn<caf::hidden>(
    proxy::supervisor, supervisor_start{process_->log,
                                        listeners_,
                                        [this](const std::string& why) {
                                          if (!over_)
                                            violated_ = "the proxy has failed: " + why;
                                        },
                                        {}});
  auto audit = ledger_.open(system, process_);
  ca_ =
    system.spawn<caf::hidden>(proxy::ca, size_t{100}, static_cast<const proxy::clock*>(&w_.time()));
  for (size_t i = 0; i < count_; ++i) {
    auto& loop = w_.add_loop(here_);
    // A third of all worlds gathers the calls of every turn, another one those of busy turns.
    if (auto way = w_.seed() % 3; way != 0)
      loop.calls().use(here_.make_executor(), way == 1 ? 0 : 2);
    shards_.push_back(spawn_pinned(
      loop, proxy::shard, shard_start{i, process_, closed_snapshot(), audit, ca_, supervisor_}));
  }
  auto source = system.spawn<caf::hidden>(desk_source, &desk_);
  store_ = system.spawn<caf::hidden>(
    policy_store,
    store_start{source, listeners_, supervisor_, shards_, audit, process_, first, {}, nullptr});
  front_ = system.spawn<caf::hidden>(desk_front, &desk_, store_);
  auto peers = std::make_shared<peer_handles>();
  peers->store = front_;
  peers->shards = shards_;
  caf::anon_send(supervisor_, atom::listen_v, peers_ptr{peers});
  auto left = std::make_shared<size_t>(count_);
  for (const auto& each : shards_) {
    caf::anon_send(each, atom::listen_v, peers_ptr{peers});
    ask<uint64_t>(
      each, [left](uint64_t) { --*left; }, atom::install_v, first, bound.all);
  }
  demand(w_.run_until([left] { return *left == 0; }, 1min), "the first policy is not taken");
}

void tested_proxy::run_short_of_descriptors(size_t spare) {
  scarce_ = true;
  here_.limit_descriptors(here_.descriptors() + spare);
}

void tested_proxy::fail_calls() {
  using simulation::call;
  constexpr std::pair<call, int> kinds[] = {
    {call::open, ENFILE},         {call::open, ENOBUFS},      {call::connect, ENETUNREACH},
    {call::connect, ENOBUFS},     {call::connect, ETIMEDOUT}, {call::accept, ENFILE},
    {call::accept, ECONNABORTED}, {call::read, ECONNRESET},   {call::read, ETIMEDOUT},
    {call::write, EPIPE},         {call::write, ECONNRESET},  {call::receive, ECONNREFUSED},
    {call::receive, ENOMEM},      {call::send, ENOBUFS},      {call::send, EPERM},
    {call::pipe, ENFILE}};
  scarce_ = true;
  auto& chance = w_.chance();
  auto [which, error] = kinds[chance.below(std::size(kinds))];
  here_.fail(which, error, 1 + chance.below(3), chance.below(20));
}

void tested_proxy::drain() {
  drains_ = true;
  undrained_ = 1 + shards_.size();
  auto one = [this](bool) { --undrained_; };
  ask<bool>(front_, one, atom::drain_v);
  for (const auto& each : shards_)
    ask<bool>(each, one, atom::drain_v);
}

void tested_proxy::stop() {
  if (std::exchange(over_, true))
    return;
  for (const auto& each : shards_)
    caf::anon_send(each, atom::abort_v);
  caf::anon_send_exit(supervisor_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(store_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(front_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(listeners_, caf::exit_reason::user_shutdown);
  shards_.clear();
  supervisor_ = nullptr;
  store_ = front_ = nullptr;
  listeners_ = nullptr;
  ca_ = nullptr;
}

void tested_proxy::reload(allowance next, bool moves) {
  if (moves)
    next_port_ = port_ == 3128 ? 3129 : 3128;
  desk_.wanted = std::move(next);
  ask<reload_outcome>(
    front_, [](const reload_outcome&) {}, atom::reload_v);
  asked_ = true;
}

std::shared_ptr<policy_document> tested_proxy::compose(const allowance& allowed,
                                                       const policy_wish& wish) const {
  const auto& certs = certificates::of_all_worlds();
  auto out = std::make_shared<policy_document>();
  auto& config = out->config;
  config.enabled = !allowed.disabled;
  config.mode = allowed.limited ? policy::mode::limited : policy::mode::full;
  config.mode_override = wish.mode;
  config.http = config.socks = at_port(comes_to_);
  config.admin = at_port(8080);
  config.workers = count_;
  config.audit.output = "stderr"; // the ledger, in truth
  config.limits.memory = how_.memory;
  config.dns.servers = {"192.0.2.53"};
  config.dns.hosts_file.clear();
  config.dns.search = false;
  config.mitm.enabled = how_.reads;
  config.mitm.inspect = allowed.reads;
  if (how_.impatient)
    config.timeouts = {.head = 5s,
                       .keep_alive = 10s,
                       .dns = 3s,
                       .connect = 4s,
                       .response = 15s,
                       .idle = 20s,
                       .slow_body = 10s,
                       .upstream_idle = 5s,
                       .tls_handshake = 4s,
                       .udp_idle = 20s};
  for (const auto& each : allowed.origins)
    for (const auto& text : {each, name_of(*ip_address::parse(each))})
      config.allowed_domains.emplace_back().text = text;
  out->around.trust = certs.proxy_trusts;
  if (how_.reads)
    out->around.ca = certs.of_proxy;
  out->around.addresses.emplace({address});
  return out;
}

void tested_proxy::settled(const reload_outcome& outcome) {
  if (over_)
    return;
  asked_ = false;
  if (!outcome.report) {
    next_port_ = port_;
    judge_.gives_up();
    if (!scarce_ && !drains_)
      violated_ = "a reload comes to nothing: " +
                  (outcome.problems.empty() ? "no answer" : outcome.problems.back().str());
    return;
  }
  ++reloads_;
  port_ = comes_to_;
  judge_.acknowledged(here_.sent());
}

void tested_proxy::check() const { demand(violated_.empty(), violated_); }

void tested_proxy::check_that_nothing_is_left() const {
  demand(process_->total_connections() == 0, "the proxy counts connections of nobody");
  // Two listeners, and each worker has a socket for its name server.
  demand(here_.sockets() <= (over_ ? 0 : 2 + 2 * count_),
         "left open at the proxy: " + here_.list());
  // Workers tell each other in steps; one that ends tells all.
  auto off_by = over_ ? 0 : memory_account::step * static_cast<int64_t>(count_);
  demand(std::abs(held()) <= off_by, "memory is still counted: " + std::to_string(held()));
}

} // namespace proxy::simulate
