#include "tests/simulate/tested_proxy.hpp"

#include <caf/event_based_actor.hpp>

#include <cstdlib>
#include <utility>

#include "actors/control/policy/compile.hpp"
#include "actors/control/policy/generation.hpp"
#include "actors/loop/pinned_actor.hpp"
#include "tests/simulate/certificates.hpp"
#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

namespace {

using namespace std::chrono_literals;

const auto address = *ip_address::parse("192.0.2.1");

} // namespace

std::string name_of(const ip_address& origin) {
  auto text = origin.str();
  return "o" + text.substr(text.rfind('.') + 1) + ".example";
}

tested_proxy::tested_proxy(simulation::world& w, judge& sees, bool reads)
  : w_(w), judge_(sees), reads_(reads), here_(w.net().add_node("proxy", {address})) {
  process_->log = std::make_shared<logger>(
    config::log{}, [](std::string_view) { return size_t{0}; }, logger::max_waiting_bytes,
    w_.time());
  process_->tls_server = certificates::of_all_worlds().proxy_serves;
  ca_ = w_.system().spawn<caf::hidden>(proxy::ca, size_t{100},
                                       static_cast<const proxy::clock*>(&w_.time()));
  for (size_t i = 0; i < count_; ++i)
    shards_.push_back(spawn_pinned(w_.add_loop(here_), proxy::shard,
                                   shard_start{i, process_, closed_snapshot(), {}, ca_}));
  auto peers = std::make_shared<peer_handles>();
  peers->shards = shards_;
  for (const auto& each : shards_)
    caf::anon_send(each, atom::listen_v, peers_ptr{peers});
  listeners_ = {listen()};
}

tested_proxy::~tested_proxy() { stop(); }

void tested_proxy::run_short_of_descriptors(size_t spare) {
  scarce_ = true;
  here_.limit_descriptors(here_.descriptors() + spare);
}

void tested_proxy::stop() {
  over_ = true;
  for (const auto& each : shards_)
    caf::anon_send(each, atom::abort_v);
  shards_.clear();
  ca_ = nullptr;
  listeners_.clear();
  moving_to_.clear();
}

bound_listener_ptr tested_proxy::listen() {
  auto bound =
    bind_listener(endpoint::http, {.ip = address.str(), .port = port_, .path = {}}, here_);
  demand(bound || scarce_, "the proxy cannot listen");
  return bound ? *bound : nullptr;
}

void tested_proxy::reload(allowance next, bool moves) {
  moving_to_ = listeners_;
  if (moves) {
    auto before = std::exchange(port_, port_ == 3128 ? 3129 : 3128);
    if (auto other = listen())
      moving_to_ = {other};
    else
      port_ = before;
  }
  auto policy = compiled(next);
  judge_.installs(std::move(next));
  unacknowledged_ = shards_.size();
  for (const auto& each : shards_)
    w_.system().spawn<caf::hidden>(
      [this, whom = each, on = moving_to_, policy](caf::event_based_actor* self, int) {
        self->request(whom, 1min, atom::install_v, policy, on)
          .then([this](uint64_t) { acknowledged(); },
                [this](const caf::error&) {
                  if (!over_)
                    violated_ = "a reload was not acknowledged";
                });
      },
      0);
}

snapshot_ptr tested_proxy::compiled(const allowance& allowed) {
  const auto& certs = certificates::of_all_worlds();
  policy_document document;
  document.config.enabled = true;
  document.config.mode = allowed.limited ? policy::mode::limited : policy::mode::full;
  document.config.dns.servers = {"192.0.2.53"};
  document.config.dns.hosts_file.clear();
  document.config.mitm.enabled = reads_;
  document.config.mitm.inspect = allowed.reads;
  for (const auto& each : allowed.origins)
    for (const auto& text : {each, name_of(*ip_address::parse(each))})
      document.config.allowed_domains.emplace_back().text = text;
  document.around.trust = certs.proxy_trusts;
  if (reads_)
    document.around.ca = certs.of_proxy;
  document.around.addresses.emplace({address});
  std::vector<config::problem> problems;
  auto made = compile(std::move(document), ++generation_, problems);
  demand(made.has_value(), "a policy does not compile");
  return complete(std::move(*made), {{address, 3128}, {address, 3129}}, problems);
}

void tested_proxy::acknowledged() {
  if (--unacknowledged_ > 0 || over_)
    return;
  judge_.acknowledged(here_.sent());
  listeners_ = std::exchange(moving_to_, {});
}

void tested_proxy::check() const { demand(violated_.empty(), violated_); }

void tested_proxy::check_that_nothing_is_left() const {
  demand(process_->total_connections() == 0, "the proxy counts connections of nobody");
  // Each worker has a socket for its name server.
  demand(here_.sockets() <= listeners_.size() + (over_ ? 0 : 2 * count_),
         "left open at the proxy: " + here_.list());
  auto off_by = memory_account::step * static_cast<int64_t>(count_);
  demand(std::abs(process_->memory.held.load()) < off_by, "memory is still counted");
}

} // namespace proxy::simulate
