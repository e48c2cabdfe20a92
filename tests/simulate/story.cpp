#include "tests/simulate/story.hpp"

#include <caf/event_based_actor.hpp>

#include <list>
#include <set>
#include <vector>

#include "actors/control/policy/compile.hpp"
#include "actors/control/policy/generation.hpp"
#include "actors/loop/pinned_actor.hpp"
#include "actors/loop/simulation/world.hpp"
#include "actors/net/bound_listener.hpp"
#include "actors/serve/worker/shard.hpp"
#include "tests/simulate/names.hpp"
#include "tests/simulate/origin.hpp"
#include "tests/simulate/violation.hpp"
#include "tests/simulate/visitor.hpp"

namespace proxy::simulate {

namespace {

using namespace std::chrono_literals;

ip_address ip(const char* text) { return *ip_address::parse(text); }

/// Nothing of the proxy's waits longer than this, whatever the others do.
constexpr auto longest_wait = 30min;

/// How often visitors look around where nothing happens.
constexpr auto glance = 20ms;

constexpr uint16_t http_port = 80, echo_port = 7;

/// What a policy lets through: names and addresses of origins, and of methods all or those that
/// change nothing.
struct allowance {
  std::set<std::string> origins; ///< Addresses.
  bool limited = false;

  [[nodiscard]] bool lets(const std::string& origin, bool changes_nothing) const {
    return origins.contains(origin) && (!limited || changes_nothing);
  }
};

bool is_request(std::string_view bytes) {
  return bytes.starts_with("GET /") || bytes.starts_with("POST /");
}

class story {
public:
  explicit story(uint64_t seed) : w_(seed) {
    process_->log = std::make_shared<logger>(
      config::log{}, [](std::string_view) { return size_t{0}; }, logger::max_waiting_bytes,
      w_.time());
    for (auto address : {"93.184.216.34", "93.184.216.35", "93.184.216.36"}) {
      auto& on = w_.net().add_node(address, {ip(address)});
      nodes_.push_back(&on);
      origins_.push_back(std::make_unique<origin>(on, ip(address)));
      names_.add(name_of(ip(address)), ip(address));
    }
    here_.on_connect = [this](const ip_sockaddr& to) {
      if (to.port() != 53)
        starts(to, to.port() == http_port, "a connection begins");
    };
    here_.on_write = [this](const ip_sockaddr&, const ip_sockaddr& to, std::string_view bytes) {
      if (to.port() == http_port && is_request(bytes))
        starts(to, bytes.starts_with("GET"), "a request begins");
    };
    for (auto* each : nodes_)
      draw_ways(*each);
    draw_ways(user_);
    draw_ways(library_);
    start_workers();
    listeners_ = {listen_at(port_)};
    allowance all;
    for (const auto& each : origins_)
      all.origins.insert(each->address().str());
    reload(all, listeners_);
    demand(w_.run_until([&] { return !pending_; }, 1min), "the first policy was not acknowledged");
  }

  outcome play() {
    auto& chance = w_.chance();
    surroundings around{user_, w_.time(), chance, ip("192.0.2.1"), port_, calm_, next_id_};
    auto coming = 5 + chance.below(20);
    auto breaks_off = !calm_ && chance.below(5) == 0;
    auto began = w_.time().now();
    while (out_.visitors < coming || !visitors_.empty()) {
      if (out_.visitors < coming && chance.below(200) == 0) {
        visitors_.push_back(make_visitor(around, pick_destination()));
        ++out_.visitors;
      }
      if (breaks_off && out_.visitors == coming) // in the middle of it all
        break;
      if (!calm_ && chance.below(500) == 0)
        disturb();
      step_all();
      if (!w_.step(w_.time().now() + glance))
        w_.run_for(glance); // a visitor may have something to do
    }
    out_.seconds = std::chrono::duration<double>(w_.time().now() - began).count();
    end();
    out_.steps = w_.steps();
    out_.trace = w_.trace();
    return out_;
  }

  ~story() {
    stop_workers();
    listeners_.clear();
    visitors_.clear();
    w_.run_for(1min);
  }

private:
  static std::string name_of(const ip_address& origin) {
    auto text = origin.str();
    return "o" + text.substr(text.rfind('.') + 1) + ".example";
  }

  destination pick_destination() {
    auto to = origins_[w_.chance().below(origins_.size())]->address();
    return {to, w_.chance().below(2) == 0 ? name_of(to) : ""};
  }

  void start_workers() {
    for (size_t i = 0; i < count_; ++i)
      shards_.push_back(spawn_pinned(w_.add_loop(here_), proxy::shard,
                                     shard_start{i, process_, closed_snapshot(), {}, {}}));
    auto peers = std::make_shared<peer_handles>();
    peers->shards = shards_;
    for (const auto& each : shards_)
      caf::anon_send(each, atom::listen_v, peers_ptr{peers});
  }

  void stop_workers() {
    for (const auto& each : shards_)
      caf::anon_send(each, atom::abort_v);
    shards_.clear();
  }

  bound_listener_ptr listen_at(uint16_t port) {
    auto bound =
      bind_listener(endpoint::http, {.ip = "192.0.2.1", .port = port, .path = {}}, here_);
    demand(static_cast<bool>(bound), "the proxy cannot listen");
    return *bound;
  }

  void draw_ways(simulation::node& other) {
    for (auto [from, to] : {std::pair{&other, &here_}, std::pair{&here_, &other}}) {
      auto& chance = w_.chance();
      simulation::conditions way;
      way.delay = std::chrono::microseconds{chance.below(80'000)};
      way.jitter = std::chrono::microseconds{chance.below(3) == 0 ? chance.below(50'000) : 0};
      if (chance.below(3) == 0)
        way.longest_read = 1 + chance.below(3000);
      if (chance.below(3) == 0)
        way.longest_write = 1 + chance.below(3000);
      if (chance.below(3) == 0)
        way.spurious = 100'000;
      if (chance.below(4) == 0)
        way.bytes_per_second = (calm_ ? 2'000'000 : 50'000) + chance.below(10'000'000);
      if (!calm_ && chance.below(4) == 0)
        way.reset_at = chance.below(400'000);
      if (!calm_ && from == &here_ && chance.below(12) == 0)
        way.refuses = true;
      if (!calm_ && from == &here_ && chance.below(12) == 0)
        way.swallows = true;
      if (!calm_) {
        way.lost = 50'000;
        way.doubled = 50'000;
      }
      w_.net().set_conditions(*from, *to, way);
    }
  }

  void disturb() {
    switch (w_.chance().below(5)) {
      case 0: draw_ways(*nodes_[w_.chance().below(nodes_.size())]); break;
      case 1: draw_ways(library_); break;
      case 2: origins_[w_.chance().below(origins_.size())]->break_off(); break;
      default: change_policy();
    }
  }

  void change_policy() {
    if (pending_)
      return;
    allowance next;
    for (const auto& each : origins_)
      if (w_.chance().below(3) != 0)
        next.origins.insert(each->address().str());
    next.limited = w_.chance().below(3) == 0;
    auto listeners = listeners_;
    if (w_.chance().below(4) == 0) { // the listener moves
      port_ = port_ == 3128 ? 3129 : 3128;
      listeners = {listen_at(port_)};
    }
    reload(std::move(next), std::move(listeners));
  }

  /// Puts a policy in force everywhere.
  void reload(allowance next, listener_set at) {
    ++out_.reloads;
    auto policy = compiled(next);
    pending_ = std::move(next);
    moving_to_ = std::move(at);
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

  snapshot_ptr compiled(const allowance& allowed) {
    static const auto nobody = *tls::client_context::make({});
    policy_document document;
    document.config.enabled = true;
    document.config.mode = allowed.limited ? policy::mode::limited : policy::mode::full;
    document.config.dns.servers = {"192.0.2.53"};
    document.config.dns.hosts_file.clear();
    for (const auto& each : allowed.origins)
      for (const auto& text : {each, name_of(*ip_address::parse(each))})
        document.config.allowed_domains.emplace_back().text = text;
    document.around.trust = nobody;
    document.around.addresses.emplace({ip("192.0.2.1")});
    std::vector<config::problem> problems;
    auto made = compile(std::move(document), ++generation_, problems);
    demand(made.has_value(), "a policy does not compile");
    return complete(std::move(*made), {{ip("192.0.2.1"), 3128}, {ip("192.0.2.1"), 3129}}, problems);
  }

  void acknowledged() {
    if (--unacknowledged_ > 0)
      return;
    allowed_ = std::move(*pending_);
    listeners_ = std::move(moving_to_);
    pending_.reset();
  }

  /// Nothing starts to a target that an acknowledged policy refuses. (Told later: whoever calls
  /// this is within a call of a socket.)
  void starts(const ip_sockaddr& to, bool changes_nothing, const std::string& what) {
    auto where = to.ip()->str();
    auto may =
      allowed_.lets(where, changes_nothing) || (pending_ && pending_->lets(where, changes_nothing));
    if (!may && violated_.empty())
      violated_ = what + " to " + where + ':' + std::to_string(to.port()) + ", which is refused";
  }

  void step_all() {
    demand(violated_.empty(), violated_);
    names_.step();
    for (const auto& each : origins_)
      each->step();
    std::erase_if(visitors_, [&](const std::unique_ptr<visitor>& each) {
      demand(w_.time().now() - each->began() < longest_wait, each->name() + " waits for ever");
      return each->step();
    });
  }

  /// When all have gone nothing of theirs is left; nor when the proxy ends with all of them there.
  void end() {
    if (!visitors_.empty()) {
      over_ = true;
      stop_workers();
      listeners_.clear();
      moving_to_.clear();
    }
    for (const auto& each : origins_)
      each->break_off();
    auto until = w_.time().now() + 10min;
    while (w_.step(until))
      step_all();
    demand(user_.sockets() == 0, "a client is still open");
    demand(process_->total_connections() == 0, "the proxy counts connections of nobody");
    // Each worker has a socket for its name server.
    demand(here_.sockets() <= listeners_.size() + (over_ ? 0 : 2 * count_),
           "left open at the proxy: " + here_.list());
    auto off_by = memory_account::step * static_cast<int64_t>(count_);
    demand(std::abs(process_->memory.held.load()) < off_by, "memory is still counted");
  }

  simulation::world w_;
  const bool calm_ = w_.chance().below(2) == 0;
  outcome out_;
  uint64_t next_id_ = 1;
  simulation::node& here_ = w_.net().add_node("proxy", {ip("192.0.2.1")});
  simulation::node& user_ = w_.net().add_node("clients", {ip("192.0.2.9")});
  simulation::node& library_ = w_.net().add_node("name server", {ip("192.0.2.53")});
  names names_{library_, ip("192.0.2.53"), calm_};
  const size_t count_ = 1 + w_.chance().below(3);
  std::shared_ptr<process_state> process_ =
    std::make_shared<process_state>(count_, w_.machine_of(here_));
  std::vector<shard_actor> shards_;
  uint16_t port_ = 3128;
  listener_set listeners_;
  std::vector<simulation::node*> nodes_;
  std::vector<std::unique_ptr<origin>> origins_;
  std::list<std::unique_ptr<visitor>> visitors_;
  allowance allowed_;
  std::optional<allowance> pending_; ///< Being installed.
  listener_set moving_to_;           ///< The same.
  size_t unacknowledged_ = 0;        ///< By so many workers.
  bool over_ = false;                ///< The proxy has been told to end.
  uint64_t generation_ = 0;
  std::string violated_; ///< What has been seen and not told yet.
};

} // namespace

outcome play(uint64_t seed) { return story{seed}.play(); }

} // namespace proxy::simulate
