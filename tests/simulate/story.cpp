#include "tests/simulate/story.hpp"

#include <list>
#include <vector>

#include "tests/simulate/frames.hpp"
#include "tests/simulate/names.hpp"
#include "tests/simulate/origin.hpp"
#include "tests/simulate/tested_proxy.hpp"
#include "tests/simulate/violation.hpp"
#include "tests/simulate/visitors.hpp"

namespace proxy::simulate {

namespace {

using namespace std::chrono_literals;

ip_address ip(const char* text) { return *ip_address::parse(text); }

const auto user_address = ip("192.0.2.9");

/// Nothing of the proxy's goes on for longer than this, whatever the others do.
constexpr auto longest_wait = 30min;

/// How long it may leave a client in silence: longer than its deadlines, one after the other.
constexpr std::chrono::seconds patient = 16min, impatient = 90s;

/// What the buffers of a connection may hold, roughly.
constexpr int64_t held_at_most = 1 << 20;

/// How often visitors look around where nothing happens.
constexpr auto glance = 20ms;

constexpr uint16_t dns_port = 53, http_port = 80, https_port = 443;

bool is_request(std::string_view bytes) {
  return bytes.starts_with("GET /") || bytes.starts_with("POST /");
}

class story {
public:
  explicit story(uint64_t seed) : w_(seed) {
    for (auto address : {"93.184.216.34", "93.184.216.35", "93.184.216.36"}) {
      auto& on = w_.net().add_node(address, {ip(address)});
      nodes_.push_back(&on);
      origins_.push_back(
        std::make_unique<origin>(on, ip(address), name_of(ip(address)), judge_, calm_));
      names_.add(name_of(ip(address)), ip(address));
    }
    watch();
    for (auto* each : nodes_)
      draw_ways(*each);
    draw_ways(user_);
    draw_ways(library_);
    allowance all;
    for (const auto& each : origins_)
      all.origins.insert(each->address().str());
    all.reads = reads_;
    proxy_.reload(all);
    demand(w_.run_until([&] { return !proxy_.is_changing(); }, 1min),
           "the first policy was not acknowledged");
    if (!calm_ && w_.chance().below(6) == 0)
      proxy_.run_short_of_descriptors(w_.chance().below(60));
  }

  outcome play() {
    auto& chance = w_.chance();
    surroundings around{user_,         w_.time(), chance,   ip("192.0.2.1"),
                        proxy_.port(), calm_,     next_id_, ledger_};
    auto coming = 5 + chance.below(20);
    auto breaks_off = !calm_ && chance.below(5) == 0;
    auto drains = !calm_ && chance.below(6) == 0;
    auto began = w_.time().now();
    while (out_.visitors < coming || !visitors_.empty()) {
      if (out_.visitors < coming && chance.below(200) == 0) {
        visitors_.push_back(make_visitor(around));
        ++out_.visitors;
      }
      if (out_.visitors == coming && std::exchange(drains, false))
        proxy_.drain();
      if (breaks_off && out_.visitors == coming) // in the middle of it all
        break;
      if (!calm_ && chance.below(500) == 0)
        disturb();
      step_all();
      pass();
    }
    out_.seconds = std::chrono::duration<double>(w_.time().now() - began).count();
    end();
    out_.steps = w_.steps();
    out_.trace = w_.trace();
    out_.reloads = proxy_.reloads();
    return out_;
  }

  ~story() {
    proxy_.stop();
    visitors_.clear();
    w_.run_for(1min);
  }

private:
  /// Looks at what the proxy begins.
  void watch() {
    proxy_.on().on_connect = [this](const ip_sockaddr& to) {
      if (to.port() != dns_port)
        judge_.begins({"a connection to port " + std::to_string(to.port()), to.ip()->str(),
                       to.port() != echo_port || secure_}); // a tunnel that is read may be begun
    };
    proxy_.on().on_write = [this](const ip_sockaddr& from, const ip_sockaddr& to,
                                  std::string_view bytes) {
      if (to.port() == echo_port)
        judge_.begins({"bytes of a tunnel", to.ip()->str(), false});
      if (to.port() != http_port && to.port() != https_port)
        return;
      judge_.sends_from(from.port());
      if (to.port() == http_port && is_request(bytes))
        judge_.begins_on({"a request", to.ip()->str(), bytes.starts_with("GET")}, from.port());
    };
    proxy_.on().on_send = [this](const ip_sockaddr& to) {
      if (to.port() != dns_port && to.ip() != user_address)
        judge_.begins({"a datagram", to.ip()->str(), false});
    };
  }

  destination pick_destination() {
    auto to = origins_[crowded_ ? 0 : w_.chance().below(origins_.size())]->address();
    return {to, name_of(to), w_.chance().below(2) == 0};
  }

  visitor_ptr make_visitor(surroundings& around) {
    auto to = pick_destination();
    auto& chance = around.chance;
    if (secure_ && (crowded_ || chance.below(2) == 0))
      return chance.below(crowded_ ? 4 : 2) == 0 ? make_secure_requester(around, std::move(to))
                                                 : make_h2_requester(around, std::move(to));
    switch (chance.below(9)) {
      case 8: return make_admin_client(around, std::move(to));
      case 0: return make_troublemaker(around, std::move(to));
      case 1: return make_abuser(around, std::move(to), always_reads_);
      case 2: return make_udp_client(around, std::move(to));
      case 3:
      case 4:
        if (!calm_ || !reads_) // else it is refused: nobody could read it
          return make_tunneller(around, std::move(to));
        [[fallthrough]];
      default: return make_requester(around, std::move(to));
    }
  }

  void draw_ways(simulation::node& other) {
    for (auto [from, to] : {std::pair{&other, &proxy_.on()}, std::pair{&proxy_.on(), &other}}) {
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
      if (!calm_ && from == &proxy_.on() && chance.below(12) == 0)
        way.refuses = true;
      if (!calm_ && from == &proxy_.on() && chance.below(12) == 0)
        way.swallows = true;
      if (!calm_) {
        way.lost = 50'000;
        way.doubled = 50'000;
      }
      w_.net().set_conditions(*from, *to, way);
    }
  }

  void disturb() {
    switch (w_.chance().below(7)) {
      case 0: draw_ways(*nodes_[w_.chance().below(nodes_.size())]); break;
      case 1: draw_ways(library_); break;
      case 2: origins_[w_.chance().below(origins_.size())]->break_off(); break;
      case 3: proxy_.fail_calls(); break;
      case 4: set_clock(); break;
      default: change_policy();
    }
  }

  /// Somebody sets the time of day, or back.
  void set_clock() {
    auto by = std::chrono::minutes{w_.chance().below(40)};
    w_.time().set_wall(w_.chance().below(2) == 0 ? w_.time().wall() + by : w_.time().wall() - by);
  }

  void change_policy() {
    if (proxy_.is_changing())
      return;
    auto& chance = w_.chance();
    allowance next;
    for (const auto& each : origins_)
      if (chance.below(3) != 0)
        next.origins.insert(each->address().str());
    next.limited = chance.below(3) == 0;
    next.disabled = chance.below(12) == 0;
    next.reads = always_reads_ || (secure_ && chance.below(2) == 0);
    proxy_.reload(std::move(next), chance.below(4) == 0);
  }

  void step_all() {
    judge_.tell();
    proxy_.check();
    check_frames();
    auto holds = static_cast<int64_t>(visitors_.size() + 1) * held_at_most;
    demand(proxy_.held() < holds, "its buffers hold " + std::to_string(proxy_.held()) +
                                    " bytes for " + std::to_string(visitors_.size()) + " clients");
    names_.step();
    for (const auto& each : origins_)
      each->step();
    std::erase_if(visitors_, [&](const std::unique_ptr<visitor>& each) {
      auto now = w_.time().now();
      demand(now - each->began() < longest_wait, each->name() + " goes on for ever");
      demand(now - each->moved() < (temper_.impatient ? impatient : patient),
             each->name() + " waits for longer than anything may take");
      return each->step();
    });
  }

  /// Lets something happen, or else a little time pass: the world does not know when a visitor
  /// means to act, and has nothing to do until then.
  void pass() {
    if (!w_.step(w_.time().now() + glance))
      w_.run_for(glance);
  }

  /// When all have gone nothing of theirs is left; nor when the proxy ends with all of them there.
  /// Of a proxy that has ended nothing is left at all.
  void end() {
    if (!visitors_.empty())
      proxy_.stop();
    else if (proxy_.is_draining() || w_.chance().below(2) == 0)
      drain();
    for (const auto& each : origins_)
      each->break_off();
    auto until = w_.time().now() + 10min;
    // Who reads nothing does not see that the proxy has gone, and stays as long as it meant to.
    while (!visitors_.empty() && w_.time().now() < until) {
      pass();
      step_all();
    }
    while (w_.step(until))
      step_all();
    demand(user_.sockets() == 0, "a client is still open");
    proxy_.check_that_nothing_is_left();
    ledger_.check();
    proxy_.stop();
    w_.run_for(1min);
    demand(proxy_.on().sockets() == 0, "left open when it ended: " + proxy_.on().list());
    demand(frames_in_use() == 0, "flows are left when it has ended");
    demand(!w_.step(w_.time().now() + 24h * 365), "something waits when it has ended");
    forget_frames();
  }

  /// Nobody is served any more, so there is nothing to wait for.
  void drain() {
    if (!proxy_.is_draining())
      proxy_.drain();
    demand(w_.run_until(
             [&] {
               step_all();
               return proxy_.has_drained();
             },
             1min),
           "a drain does not end");
  }

  simulation::world w_;
  const bool calm_ = w_.chance().below(2) == 0;
  const bool secure_ = w_.chance().below(2) == 0;             ///< There is TLS in it.
  const bool crowded_ = secure_ && w_.chance().below(3) == 0; ///< All want the same, in TLS.
  const bool reads_ = secure_ && w_.chance().below(2) == 0;   ///< At first tunnels are read.
  /// And always: what is wrong inside meets nobody but the proxy.
  const bool always_reads_ = reads_ && (calm_ || w_.chance().below(2) == 0);
  outcome out_;
  uint64_t next_id_ = 1;
  judge judge_;
  ledger ledger_;
  const temper temper_{
    .reads = secure_,
    .impatient = !calm_ && w_.chance().below(3) == 0,
    .memory = !calm_ && w_.chance().below(6) == 0 ? 200'000 + w_.chance().below(2'000'000) : 0};
  tested_proxy proxy_{w_, judge_, ledger_, temper_};
  simulation::node& user_ = w_.net().add_node("clients", {user_address});
  simulation::node& library_ = w_.net().add_node("name server", {ip("192.0.2.53")});
  names names_{library_, ip("192.0.2.53"), calm_};
  std::vector<simulation::node*> nodes_;
  std::vector<std::unique_ptr<origin>> origins_;
  std::list<visitor_ptr> visitors_;
};

} // namespace

outcome play(uint64_t seed) { return story{seed}.play(); }

} // namespace proxy::simulate
