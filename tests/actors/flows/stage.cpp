#include "tests/actors/flows/stage.hpp"

#include "actors/admin/admin_flow.hpp"

#include <cstdlib>
#include <openssl/x509.h>

#include <filesystem>
#include <thread>

#include "actors/control/policy/file_source.hpp"
#include "actors/control/policy/generation.hpp"

namespace proxy::test {

namespace {

/// In place of the audit trail: keeps the events as they are.
audit_actor::behavior_type listen_to(audit_actor::pointer, std::vector<decision_event_ptr>* all,
                                     const std::shared_ptr<process_state>& process) {
  return {
    [=](atom::record, const decision_event_ptr& event) {
      process->audit_queue.leave();
      all->push_back(event);
    },
    [](atom::configure, const config_ptr&) { return true; },
    [](atom::reopen) {},
    [](atom::flush) { return true; },
  };
}

/// All flows run twice: their loops gather the calls of each turn, and make each at once.
bool gathers_calls() {
  const auto* wanted = std::getenv("PROXY_TEST_IO");
  return !wanted || std::string_view{wanted} != "plain";
}

/// What takes long to make and never changes, one for all stages. It draws nothing from the world
/// of any.
struct shared_parts {
  tls::authority_ptr origins_ca;
  std::shared_ptr<const tls::server_context> origin_tls, proxy_tls;
};

const shared_parts& shared() {
  static const auto all = [] {
    simulation::made_up_time time;
    simulation::made_up_chance chance{1};
    simulation::library_world world{time, chance};
    return shared_parts{unbox(tls::authority::make(time.wall())),
                        unbox(tls::server_context::make()), unbox(tls::server_context::make())};
  }();
  return all;
}

/// A folder of roots as OpenSSL looks into it: a root is read when somebody shows that it vouches
/// for them. A file would be read by each stage, whether it speaks TLS or not.
std::string write_root(const config::test::folder& in, const tls::authority& ca) {
  std::filesystem::create_directory(in.at("roots"));
  char name[32];
  std::snprintf(name, sizeof name, "roots/%08lx.0", X509_subject_name_hash(&ca.certificate()));
  in.write(name, ca.pem());
  return in.at("roots");
}

} // namespace

stage::stage(stage_settings with) : w(with.seed), environment_(std::move(with.environment)) {
  origins_ca_ = shared().origins_ca;
  origin_tls = shared().origin_tls;
  write("origins.pem", origins_ca_->pem());
  environment_.emplace("SSL_CERT_DIR", write_root(*this, *origins_ca_));
  start(with);
}

stage::~stage() {
  parties_.clear();
  for (const auto& each : shards)
    caf::anon_send(each, atom::abort_v);
  caf::anon_send_exit(watcher, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(store, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(owner, caf::exit_reason::user_shutdown);
  shards.clear();
  watcher = nullptr;
  store = nullptr;
  owner = nullptr;
  w.run_for(1min);
}

config::sources stage::sources() const { return from(environment_); }

void stage::configure(const std::string& network, const std::string& daemon) const {
  write("config.toml", "default_permissions = \"dev\"\n"
                       "[network_proxy]\n"
                       "admin_url = \"http://192.0.2.1:8080\"\n"
                       "dangerously_allow_non_loopback_admin = true\n"
                       "audit.output = \"stderr\"\n"
                       "dns.servers = [\"192.0.2.53\"]\n"
                       "dns.hosts_file = \"\"\n" +
                         daemon +
                         "\n[permissions.dev.network]\n"
                         "enabled = true\n"
                         "proxy_url = \"http://192.0.2.1:3128\"\n"
                         "socks_url = \"http://192.0.2.1:1080\"\n"
                         "dangerously_allow_non_loopback_proxy = true\n" +
                         network + '\n');
}

void stage::start(const stage_settings& with) {
  process = std::make_shared<process_state>(with.loops, w.machine_of(here));
  process->admin_flow = admin_flow;
  process->tls_server = shared().proxy_tls;
  process->log = std::make_shared<logger>(
    config::log{},
    [into = log_](std::string_view lines) {
      std::lock_guard guard{into->lock};
      into->lines += lines;
      return size_t{0};
    },
    logger::max_waiting_bytes, w.time());
  configure(with.network, with.daemon);
  std::vector<ip_address> addresses{ip("127.0.0.1"), ip("192.0.2.1"), ip("2001:db8::1")};
  auto document = load_document(sources(), false, missing_ca::make, first, addresses, {});
  if (!document && with.may_fail)
    return;
  for (const auto& each : first)
    if (each.level == config::problem::severity::error)
      CAF_FAIL(each.str());
  CAF_REQUIRE(document);
  auto compiled = compile(std::move(*document), 1, first);
  CAF_REQUIRE(compiled);
  auto bound = bind_listeners(*compiled->config, {}, here);
  for (const auto& each : bound.problems)
    CAF_FAIL(each.str());
  auto proxies = compiled->around.proxies;
  auto policy = complete(std::move(*compiled), addresses_of(bound.all), first);
  owner = w.system().spawn<caf::hidden>(listener_owner, bound.all, &here);
  watcher = w.system().spawn<caf::hidden>(
    supervisor,
    supervisor_start{process->log, owner, [this](const std::string& why) { failure = why; }, {}});
  auto audit = w.system().spawn<caf::hidden>(listen_to, &events, process);
  auto mint = w.system().spawn<caf::hidden>(proxy::ca, size_t{100},
                                            static_cast<const proxy::clock*>(&w.time()));
  for (size_t i = 0; i < with.loops; ++i) {
    auto& loop = w.add_loop(here);
    if (gathers_calls() && !with.at_once)
      loop.calls().use(here.make_executor(), 0);
    shards.push_back(
      spawn_pinned(loop, shard, shard_start{i, process, closed_snapshot(), audit, mint, watcher}));
  }
  auto source = w.system().spawn<caf::hidden>(
    file_source, file_source_start{sources(), [=] { return std::optional{addresses}; }, {}});
  store =
    w.system().spawn<caf::hidden>(policy_store, store_start{source, owner, watcher, shards, audit,
                                                            process, policy, proxies, nullptr});
  auto peers = std::make_shared<peer_handles>();
  peers->store = store;
  peers->shards = shards;
  caf::anon_send(watcher, atom::listen_v, peers_ptr{peers});
  for (const auto& each : shards) {
    caf::anon_send(each, atom::listen_v, peers_ptr{peers});
    auto installed = ask<uint64_t>(each, atom::install_v, policy, bound.all);
    CAF_REQUIRE(until([&] { return installed->has_value(); }));
  }
}

void stage::move_all() {
  names.step();
  for (auto& each : parties_)
    each.move();
}

bool stage::until(const std::function<bool()>& done, std::chrono::nanoseconds span) {
  return w.run_until(
    [&] {
      move_all();
      return done();
    },
    span);
}

void stage::pass(std::chrono::nanoseconds span) {
  (void)until([] { return false; }, span);
}

party& stage::somebody(simulation::node& on) { return parties_.emplace_back(on); }

party& stage::client(uint16_t port) {
  auto& who = somebody(user);
  who.connect(ip("192.0.2.1"), port);
  return who;
}

party& stage::tunnel(const std::string& authority) {
  auto& who = client();
  who.say("CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n");
  if (!hears(who, "\r\n\r\n") || !who.hears("HTTP/1.1 200"))
    CAF_FAIL("no tunnel to " << authority << ": " << who.text);
  who.forget();
  return who;
}

simulation::node& stage::place(const std::string& address) {
  auto& at = places_[address];
  if (!at)
    at = &w.net().add_node(address, {ip(address)});
  return *at;
}

stage::origin& stage::serve_at(const std::string& address, uint16_t port) {
  auto& on = place(address);
  auto where = ip(address);
  auto fd = on.open(socket_kind::listener, where.is_v4() ? AF_INET : AF_INET6);
  auto name = make_sockaddr(where, port);
  CAF_REQUIRE_EQUAL(on.bind(fd, name.get(), name.size), 0);
  CAF_REQUIRE_EQUAL(on.listen(fd), 0);
  return origins_.emplace_back(origin{on, fd});
}

party& stage::accept(origin& at, std::chrono::nanoseconds span) {
  auto& who = somebody(at.on);
  if (!until([&] { return who.accept(at.listens); }, span))
    CAF_FAIL("nobody comes to " << at.on.name());
  return who;
}

bool stage::is_called(origin& at, std::chrono::nanoseconds span) {
  return until([&] { return (at.on.readiness(at.listens) & io_in) != 0; }, span);
}

void stage::set_way(simulation::node& other, const simulation::conditions& how) {
  w.net().set_conditions(other, here, how);
  w.net().set_conditions(here, other, how);
}

std::shared_ptr<std::optional<reload_outcome>> stage::begin_reload(const std::string& network,
                                                                   const std::string& daemon) {
  configure(network, daemon);
  return ask<reload_outcome>(store, atom::reload_v);
}

reload_outcome stage::reload(const std::string& network, const std::string& daemon) {
  auto answer = begin_reload(network, daemon);
  CAF_REQUIRE(until([&] { return answer->has_value(); }, 5min));
  return **answer;
}

void stage::install(const std::string& network, const std::string& daemon) {
  auto outcome = reload(network, daemon);
  if (!outcome.report)
    CAF_FAIL("no reload: " << outcome.problems.front().str());
}

reload_outcome stage::set_mode(policy::mode mode) {
  auto answer = ask<reload_outcome>(store, atom::set_mode_v, mode);
  CAF_REQUIRE(until([&] { return answer->has_value(); }, 5min));
  return **answer;
}

std::shared_ptr<std::optional<bool>> stage::drain() {
  auto all = std::make_shared<std::optional<bool>>();
  auto left = std::make_shared<size_t>(1 + shards.size());
  auto one = [=](bool) {
    if (--*left == 0)
      *all = true;
  };
  w.system().spawn<caf::hidden>(
    [=, policies = store, workers = shards](caf::event_based_actor* self, int) {
      self->request(policies, 10min, atom::drain_v).then(one, [](const caf::error&) {});
      for (const auto& each : workers)
        self->request(each, 10min, atom::drain_v).then(one, [](const caf::error&) {});
    },
    0);
  return all;
}

std::vector<std::string> stage::decisions() const {
  std::vector<std::string> out;
  for (const auto& e : events) {
    auto words = e->fault ? "fault" : e->is_refusal() ? "deny" : "allow";
    out.push_back(std::string{words} + ' ' + std::string{policy::to_string(e->protocol)} + ' ' +
                  e->listed_host() + ':' + std::to_string(e->port) + ' ' +
                  std::string{e->fault ? std::string{to_string(e->fault->code)}
                                       : std::string{e->reason_text()}});
  }
  return out;
}

std::string stage::log() const {
  // On a thread that knows the real time: it waits for another one.
  std::thread{[&] { (void)process->log->flush(); }}.join();
  std::lock_guard guard{log_->lock};
  return log_->lines;
}

tls::leaf_ptr stage::origin_leaf(std::string_view name) {
  return unbox(tls::mint(origins_ca_, *host::parse(name), w.time().wall()));
}

const tls::client_context& stage::trusts_proxy() {
  if (!trusts_proxy_)
    trusts_proxy_ = unbox(tls::client_context::make(only(at("proxy/ca.pem"))));
  return *trusts_proxy_;
}

std::string get(const std::string& url, const std::string& more) {
  auto host = url.substr(url.find("//") + 2);
  host = host.substr(0, host.find('/'));
  return "GET " + url + " HTTP/1.1\r\nHost: " + host + "\r\n" + more + "\r\n";
}

std::string ok(const std::string& body, const std::string& more) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more +
         "\r\n" + body;
}

} // namespace proxy::test
