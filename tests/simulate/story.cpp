#include "tests/simulate/story.hpp"

#include <caf/event_based_actor.hpp>

#include <list>
#include <set>
#include <vector>

#include "actors/control/bound_listener.hpp"
#include "actors/control/compile.hpp"
#include "actors/control/generation.hpp"
#include "actors/loop/pinned_actor.hpp"
#include "actors/loop/simulation/world.hpp"
#include "actors/shard_behavior.hpp"
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

class story {
public:
  explicit story(uint64_t seed) : w_(seed) {
    auto& chance = w_.chance();
    calm_ = chance.below(2) == 0;
    process_->log = std::make_shared<logger>(
      config::log{}, [](std::string_view) { return size_t{0}; }, logger::max_waiting_bytes,
      w_.time());
    for (auto address : {"93.184.216.34", "93.184.216.35", "93.184.216.36"}) {
      auto& on = w_.net().add_node(address, {ip(address)});
      nodes_.push_back(&on);
      origins_.push_back(std::make_unique<origin>(on, ip(address)));
    }
    here_.on_connect = [this](const ip_sockaddr& to) { starts(to, "a connection begins"); };
    here_.on_write = [this](const ip_sockaddr& to, std::string_view bytes) {
      if (to.port() == 80 && (bytes.starts_with("GET /") || bytes.starts_with("POST /")))
        starts(to, "a request begins");
    };
    for (auto* each : nodes_)
      draw_ways(*each);
    draw_ways(user_);
    shard_ = spawn_pinned(loop_, proxy::shard, shard_start{0, process_, closed_snapshot(), {}, {}});
    auto bound =
      bind_listener(endpoint::http, {.ip = "192.0.2.1", .port = 3128, .path = {}}, here_);
    demand(static_cast<bool>(bound), "the proxy cannot listen");
    listeners_ = {*bound};
    for (const auto& each : origins_)
      allowed_.insert(each->address().str());
    reload(allowed_);
    demand(w_.run_until([&] { return !pending_; }, 1min), "the first policy was not acknowledged");
  }

  outcome play() {
    auto& chance = w_.chance();
    surroundings around{user_, w_.time(), chance, ip("192.0.2.1"), 3128, calm_, next_id_};
    auto coming = 5 + chance.below(20);
    auto began = w_.time().now();
    while (out_.visitors < coming || !visitors_.empty()) {
      if (out_.visitors < coming && chance.below(200) == 0) {
        visitors_.push_back(make_visitor(around, pick_origin()));
        ++out_.visitors;
      }
      if (!calm_ && chance.below(3000) == 0)
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
    caf::anon_send(shard_, atom::abort_v);
    shard_ = nullptr;
    listeners_.clear();
    visitors_.clear();
    w_.run_for(1min);
  }

private:
  ip_address pick_origin() { return origins_[w_.chance().below(origins_.size())]->address(); }

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
      w_.net().set_conditions(*from, *to, way);
    }
  }

  void disturb() {
    switch (w_.chance().below(4)) {
      case 0: draw_ways(*nodes_[w_.chance().below(nodes_.size())]); break;
      case 1: origins_[w_.chance().below(origins_.size())]->break_off(); break;
      default: {
        std::set<std::string> next;
        for (const auto& each : origins_)
          if (w_.chance().below(3) != 0)
            next.insert(each->address().str());
        reload(std::move(next));
      }
    }
  }

  /// Installs a policy that allows these origins and no others.
  void reload(std::set<std::string> next) {
    if (pending_)
      return;
    ++out_.reloads;
    auto policy = compiled(next);
    pending_ = std::move(next);
    w_.system().spawn<caf::hidden>(
      [this, whom = shard_, at = listeners_, policy](caf::event_based_actor* self, int) {
        self->request(whom, 1min, atom::install_v, policy, at)
          .then([this](uint64_t) { acknowledged(); },
                [this](const caf::error&) { violated_ = "a reload was not acknowledged"; });
      },
      0);
  }

  snapshot_ptr compiled(const std::set<std::string>& allowed) {
    static const auto nobody = *tls::client_context::make({});
    policy_document document;
    document.config.enabled = true;
    for (const auto& each : allowed)
      document.config.allowed_domains.emplace_back().text = each;
    document.around.trust = nobody;
    document.around.addresses.emplace({ip("192.0.2.1")});
    std::vector<config::problem> problems;
    auto made = compile(std::move(document), ++generation_, problems);
    demand(made.has_value(), "a policy does not compile");
    return complete(std::move(*made), {{ip("192.0.2.1"), 3128}}, problems);
  }

  void acknowledged() {
    allowed_ = std::move(*pending_);
    pending_.reset();
  }

  /// Nothing starts to a target that an acknowledged policy refuses. (Told later: whoever calls
  /// this is within a call of a socket.)
  void starts(const ip_sockaddr& to, const std::string& what) {
    auto where = to.ip()->str();
    auto may = allowed_.contains(where) || (pending_ && pending_->contains(where));
    if (!may && violated_.empty())
      violated_ = what + " to " + where + ", which is refused";
  }

  void step_all() {
    demand(violated_.empty(), violated_);
    for (const auto& each : origins_)
      each->step();
    std::erase_if(visitors_, [&](const std::unique_ptr<visitor>& each) {
      demand(w_.time().now() - each->began() < longest_wait, each->name() + " waits for ever");
      return each->step();
    });
  }

  /// When all have gone nothing of theirs is left.
  void end() {
    for (const auto& each : origins_)
      each->break_off();
    auto until = w_.time().now() + 10min;
    while (w_.step(until))
      step_all();
    demand(user_.sockets() == 0, "a client is still open");
    demand(process_->total_connections() == 0, "the proxy counts connections of nobody");
    demand(here_.sockets() == listeners_.size(), "left open at the proxy: " + here_.list());
    demand(std::abs(process_->memory.held.load()) < memory_account::step,
           "memory is still counted");
  }

  simulation::world w_;
  bool calm_ = false;
  outcome out_;
  uint64_t next_id_ = 1;
  simulation::node& here_ = w_.net().add_node("proxy", {ip("192.0.2.1")});
  simulation::node& user_ = w_.net().add_node("clients", {ip("192.0.2.9")});
  event_loop& loop_ = w_.add_loop(here_);
  std::shared_ptr<process_state> process_ =
    std::make_shared<process_state>(1, w_.machine_of(here_));
  shard_actor shard_;
  listener_set listeners_;
  std::vector<simulation::node*> nodes_;
  std::vector<std::unique_ptr<origin>> origins_;
  std::list<std::unique_ptr<visitor>> visitors_;
  std::set<std::string> allowed_;
  std::optional<std::set<std::string>> pending_; ///< Being installed.
  uint64_t generation_ = 0;
  std::string violated_; ///< What has been seen and not told yet.
};

} // namespace

outcome play(uint64_t seed) { return story{seed}.play(); }

} // namespace proxy::simulate
