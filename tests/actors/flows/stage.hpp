#pragma once

#include <caf/event_based_actor.hpp>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/control/supervisor.hpp"
#include "actors/loop/simulation/world.hpp"
#include "actors/network_proxy_parts.hpp"
#include "actors/serve/worker/shard.hpp"
#include "tests/actors/flows/name_server.hpp"
#include "tests/config/support.hpp"
#include "tests/support/party.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

using namespace std::chrono_literals;

/// What a stage is set up with.
struct stage_settings {
  std::string network{}; ///< Lines of the network table, beside those that every stage has.
  std::string daemon{};  ///< Lines of [network_proxy].
  uint64_t seed = 1;
  size_t loops = 1;
  std::map<std::string, std::string> environment{};
  bool may_fail = false; ///< The first policy may have problems: see `first`.
  bool at_once = false;  ///< Its loops never gather calls: for what differs, see where it is used.
};

/// A whole proxy but for its process (workers, policy store and source, listeners, CA, supervisor)
/// with its clients, origins and name server, in a made-up world, in one thread and on time of its
/// own. The proxy listens on 192.0.2.1: HTTP on 3128, SOCKS5 on 1080, the admin API on 8080.
///
/// The network table has `enabled = true` and the listeners; `lines` add to it. Names are looked up
/// at `names`. Origins are trusted that show a leaf of `origin_leaf`; clients trust the proxy's CA
/// with `trusts_proxy`.
class stage : public config::test::folder {
public:
  explicit stage(stage_settings with = {});
  ~stage();

  // -- time --

  /// Lets things happen until `done()`. @returns false when that does not come to pass in time.
  [[nodiscard]] bool until(const std::function<bool()>& done, std::chrono::nanoseconds span = 30s);
  /// Lets a span pass, and all that happens in it.
  void pass(std::chrono::nanoseconds span);

  // -- clients --

  /// A client of the proxy, connected.
  party& client(uint16_t port = 3128);
  /// A tunnel through it. The answer to the CONNECT has been taken out of its text.
  party& tunnel(const std::string& authority);
  /// A client somewhere that is not connected yet.
  party& somebody(simulation::node& on);
  [[nodiscard]] bool hears(party& who, std::string_view what, std::chrono::nanoseconds span = 30s) {
    return until([&] { return who.hears(what); }, span);
  }
  [[nodiscard]] bool is_over(party& who, std::chrono::nanoseconds span = 30s) {
    return until([&] { return who.is_over(); }, span);
  }

  // -- origins --

  /// A node with this address.
  simulation::node& place(const std::string& address);
  /// Something that listens at an address, on a node of its own.
  struct origin {
    simulation::node& on;
    int listens;
  };
  origin& serve_at(const std::string& address, uint16_t port);
  /// The next connection that comes to it. Fails the test when none does.
  party& accept(origin& at, std::chrono::nanoseconds span = 30s);
  /// Whether one waits.
  [[nodiscard]] bool is_called(origin& at, std::chrono::nanoseconds span = 10s);
  /// How the ways between the proxy and a node are from now on.
  void set_way(simulation::node& other, const simulation::conditions& how);

  // -- policy --

  /// What a reload comes to with these lines in place of those of before.
  [[nodiscard]] reload_outcome reload(const std::string& network, const std::string& daemon = "");
  /// The same, begun: the answer will be there.
  std::shared_ptr<std::optional<reload_outcome>> begin_reload(const std::string& network,
                                                              const std::string& daemon = "");
  [[nodiscard]] reload_outcome set_mode(policy::mode mode);
  /// A reload that has to succeed.
  void install(const std::string& network, const std::string& daemon = "");
  /// Begins the end as SIGTERM does. @returns whether all has drained, once it has.
  std::shared_ptr<std::optional<bool>> drain();

  /// Asks an actor, and waits for the answer.
  template <class Answer, class Handle, class... Ts>
  [[nodiscard]] std::shared_ptr<std::optional<Answer>> ask(const Handle& whom, Ts... xs) {
    auto into = std::make_shared<std::optional<Answer>>();
    w.system().spawn<caf::hidden>(
      [=](caf::event_based_actor* self, int) { // without an argument CAF binds a null reference
        self->request(whom, 10min, xs...)
          .then([into](Answer& got) { into->emplace(std::move(got)); }, [](const caf::error&) {});
      },
      0);
    return into;
  }

  /// What was decided, in words: "allow http example.com:80 allow", "deny ... REASON".
  [[nodiscard]] std::vector<std::string> decisions() const;

  /// All lines of the log so far.
  [[nodiscard]] std::string log() const;

  // -- TLS --

  [[nodiscard]] tls::leaf_ptr origin_leaf(std::string_view name);
  [[nodiscard]] const tls::client_context& trusts_proxy();

  simulation::world w;
  simulation::node& user = w.net().add_node("client", {ip("192.0.2.9")});
  simulation::node& here = w.net().add_node("proxy", {ip("192.0.2.1"), ip("2001:db8::1")});
  simulation::node& library = w.net().add_node("name server", {ip("192.0.2.53")});
  name_server names{library, ip("192.0.2.53")};
  std::shared_ptr<process_state> process;
  std::vector<shard_actor> shards;
  listener_owner_actor owner;
  policy_store_actor store;
  supervisor_actor watcher;
  std::vector<decision_event_ptr> events; ///< All that were made.
  std::string failure;                    ///< What the supervisor told the owner; "": nothing.
  std::vector<config::problem> first;     ///< Problems of the first policy.
  std::shared_ptr<const tls::server_context> origin_tls;

private:
  [[nodiscard]] config::sources sources() const;
  void configure(const std::string& network, const std::string& daemon) const;
  void start(const stage_settings& with);
  void move_all();

  tls::authority_ptr origins_ca_;
  std::map<std::string, std::string> environment_;
  std::shared_ptr<const tls::client_context> trusts_proxy_;
  std::deque<party> parties_;
  std::deque<origin> origins_;
  std::map<std::string, simulation::node*> places_;
  /// Written by the log's own thread, which may outlive this.
  struct log_text {
    std::mutex lock;
    std::string lines;
  };
  std::shared_ptr<log_text> log_ = std::make_shared<log_text>();
};

/// Whether a line of the log has this.
inline bool logs(stage& s, std::string_view part) { return has(s.log(), part); }

/// A request in the form that proxies get.
[[nodiscard]] std::string get(const std::string& url, const std::string& more = "");

/// A plain response of 200 with this body.
[[nodiscard]] std::string ok(const std::string& body, const std::string& more = "");

} // namespace proxy::test
