#pragma once

#include <memory>
#include <optional>
#include <string>

#include "actors/loop/pinned_actor.hpp"
#include "actors/loop/task.hpp"
#include "actors/loop/waker.hpp"
#include "actors/messages.hpp"
#include "actors/shard_core.hpp"
#include "actors/transport.hpp"
#include "actors/upstream.hpp"

namespace proxy {

/// One client connection, or one stream of it where the client speaks HTTP/2. Lives on the loop
/// that accepted it (or was handed it) and owns itself while its flow runs; the shard only lists
/// it.
using connection_actor = caf::typed_actor<
  // Judge an open tunnel under a new policy; replies true when it was closed.
  caf::replies_to<atom::judge, snapshot_ptr>::with<bool>,
  // Finish what is under way, take nothing new.
  caf::reacts_to<atom::drain>,
  // End now.
  caf::reacts_to<atom::abort>>;

/// Where a client is connected from.
struct client_address {
  ip_address ip;
  uint16_t port = 0;
  bool unix_socket = false;
  /// `ip:port`, `[ip6]:port`, or "unix".
  [[nodiscard]] std::string str() const;
};

/// Who a client showed to be.
struct identity {
  std::string user;
  config_ptr vouched_by; ///< Where the password stood that it showed.
};

/// A tunnel whose requests are read and judged one by one.
struct interception {
  interception(policy::permit by, snapshot_ptr judged_under)
    : tunnel(std::move(by)), under(std::move(judged_under)) {}

  policy::permit tunnel; ///< Its rule lives in `under`.
  snapshot_ptr under;
  bool tls = true; ///< What the client speaks inside: HTTP under TLS, or in the clear.
  /// Why every request is answered with 421: the handshake named another host. "" when it did not.
  std::string misdirected;
};

/// A refused CONNECT that is answered inside the tunnel it asked for: to one client that knows how
/// to read an answer to its request, but not one to CONNECT. Nothing is behind it.
struct refused_tunnel {
  policy::denial why;
  policy::target to;
  snapshot_ptr under; ///< Holds the rule that decided, or `in_force` does.
  snapshot_ptr in_force;
  std::string request_id; ///< Of the CONNECT, the one event of it all.
  std::string remedy;
};

/// What admitted an open tunnel: enough to judge it again, to list it and to log its end.
struct admission {
  policy::target to;
  std::optional<ip_address> connected; ///< Unknown behind an upstream proxy.
  host found_as;     ///< The name of that address, where a search domain was added; else empty.
  policy::placed_text rule; ///< A copy: the rules it came from may be gone. Empty text: a decider.
  bool by_decider = false;
  bool intercepted = false; ///< Its requests are read and judged one by one.
  std::string head{};       ///< As received, of a request that switched protocols; else "".
};

/// Judges an open tunnel under a new policy. @returns the denial when it must be closed.
[[nodiscard]] std::optional<policy::denial> judge_tunnel(const snapshot& in_force,
                                                         const admission& of);

/// How a connection's flow ended; the `end` of its canonical log line.
enum class ending : uint8_t {
  done,
  client_gone,
  upstream_gone,
  idle,
  refused,
  fault,
  policy_changed,
  aborted
};
[[nodiscard]] std::string_view to_string(ending e) noexcept;

class association;
struct exchange;

class connection final : public pinned_actor<connection_actor> {
public:
  using super = pinned_actor<connection_actor>;

  connection(caf::actor_config& cfg, shard_core& owner, endpoint serves, client_address from);
  ~connection() override;

  const char* name() const override { return "connection"; }

  /// Takes the client's socket and starts the flow. Call once, right after spawning.
  void begin(int descriptor);
  /// Takes a stream of a client's link and starts its flow; `inside` is set. Call once, instead.
  void begin(std::unique_ptr<http2_stream> stream);

  [[nodiscard]] connection_info describe() const;
  /// Who the client showed to be; "" when nobody asked.
  [[nodiscard]] std::string_view user() const noexcept {
    return known_as ? std::string_view{known_as->user} : std::string_view{};
  }
  /// Judges the tunnel that requests come in, by a new policy, and takes over what admits it now.
  /// @pre `inside`
  [[nodiscard]] std::optional<policy::denial> judge_inside(const snapshot_ptr& next);
  /// Holds something that a new policy may refuse.
  [[nodiscard]] bool is_open_to_judgement() const noexcept { return tunnelling || running; }
  [[nodiscard]] const config::timeouts& timeouts() const noexcept {
    return shard.config().timeouts;
  }
  [[nodiscard]] steady_time in(std::chrono::milliseconds time) const noexcept {
    return shard.loop.now() + time;
  }

  /// Counts what its buffers hold now, and what it costs by itself.
  void holds(size_t buffers) noexcept {
    constexpr size_t plain = 4 * 1024, in_tls = 24 * 1024;
    held.set(plain + (client.is_tls() ? in_tls : 0) + buffers);
  }

  // What the flow works with; nobody else does.
  shard_core& shard;
  waker wakes;
  transport client;
  held_bytes held;        ///< What this connection has of the loop's memory; `holds` sets it.
  std::string pending;    ///< Read from the client, not yet understood.
  std::string first_down; ///< What a tunnel sends the client first: a 101 and what came with it.
  std::unique_ptr<upstream> server; ///< Of the request or tunnel under way.
  std::unique_ptr<upstream>
    ahead; ///< Dialled for an intercepted tunnel, not yet used by a request.
  std::unique_ptr<interception> inside; ///< Set from CONNECT on when the tunnel is intercepted.
  std::shared_ptr<const refused_tunnel> refused; ///< Set once a CONNECT is refused inside.
  std::shared_ptr<http2_link> link; ///< What the client speaks HTTP/2 on, its streams apart.
  std::unique_ptr<admission>
    admitted; ///< Of the tunnel; with `log.access`, of the last request too.
  /// With `log.access`: what the last request asked for that did not get through.
  std::unique_ptr<policy::target> turned_down;
  std::unique_ptr<association> udp; ///< Of a UDP ASSOCIATE.
  /// Upstreams that the client has logged in to: its streams share them, nobody else does.
  std::shared_ptr<login_connections> logins;
  /// The request that has been sent, until it is over: one inside a tunnel, or one with a body,
  /// which may be as open as a tunnel.
  exchange* running = nullptr;
  std::shared_ptr<const identity> known_as; ///< Null when nobody asked. HTTP: by this request.
  const uint64_t id;
  uint64_t bytes_up = 0;
  uint64_t bytes_down = 0;
  uint32_t requests = 0;
  uint32_t dns_ms = 0;     ///< Of the last look-up.
  uint32_t connect_ms = 0; ///< Of the last dial.
  const client_address from;
  const endpoint serves;
  bool is_stream = false;      ///< Of another connection, which is the one that counts.
  bool dialled_here = false;   ///< This process is its other end: nothing it asks for is served.
  bool no_descriptors = false; ///< It has one that was held back: it is turned away.
  bool tunnelling = false;
  bool wary = false; ///< A tunnel that `inspect` could not read: no HTTP may come out of it.
  bool draining = false;
  bool reset = false;  ///< Close with a reset: what the client has must not look whole.
  bool linger = false; ///< Our last bytes may still be on their way: close in steps.
  ending end = ending::done;

private:
  friend class shard_core;
  behavior_type make_behavior() override;
  /// Closes everything and lets go of itself. The flow is at its end, or gone.
  void finish(ending how);
  /// Cancels the flow and finishes. Never from inside the flow.
  void end_from_outside(ending how);
  static void flow_done(void* self) noexcept;
  /// Whether what is open may go on under a new policy; @returns the denial when not.
  [[nodiscard]] std::optional<policy::denial> judge_open(const snapshot_ptr& next);
  /// The same for the request that is under way.
  [[nodiscard]] std::optional<policy::denial> judge_running(const snapshot_ptr& next);
  /// The same for a request that was read, by its head.
  [[nodiscard]] std::optional<policy::denial> judge_head(std::string_view head, bool by_decider);
  void log_end() const;
  [[nodiscard]] bool over_limit() const;
  caf::strong_actor_ptr self_;
  size_t place_ = 0; ///< In the shard's list.
  steady_time began_;
  task<> flow_; ///< Last: destroyed first.
};

} // namespace proxy
