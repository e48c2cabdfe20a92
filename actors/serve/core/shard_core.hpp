#pragma once

#include <array>
#include <atomic>
#include <caf/typed_response_promise.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/dns/resolver.hpp"
#include "actors/loop/descriptor_reserve.hpp"
#include "actors/loop/event_loop.hpp"
#include "actors/loop/task/task.hpp"
#include "actors/messages.hpp"
#include "actors/net/datagram_socket.hpp"
#include "actors/observe/audit.hpp"
#include "actors/observe/counters/reload_counts.hpp"
#include "actors/observe/counters/shard_counters.hpp"
#include "actors/observe/event_hub.hpp"
#include "actors/observe/otlp/outlet.hpp"
#include "actors/observe/span.hpp"
#include "actors/serve/answer/told_refusal.hpp"
#include "actors/serve/core/interfaces.hpp"
#include "actors/serve/core/refusal_leaves.hpp"
#include "actors/serve/core/roster.hpp"
#include "actors/serve/core/span_ids.hpp"
#include "actors/serve/core/spare_texts.hpp"
#include "actors/serve/decide/outside_decider.hpp"
#include "actors/serve/upstream/own_sockets.hpp"
#include "actors/serve/upstream/socket_dialer.hpp"
#include "actors/serve/upstream/upstream.hpp"
#include "protocols/http1/decode.hpp"
#include "protocols/http1/path.hpp"
#include "tls/client.hpp"
#include "tls/server.hpp"

namespace proxy {

class client_session;
class connection;
class stream_session;
class admin_session;
enum class closing : uint8_t;

/// Whom a shard takes in. It only ever takes in fewer.
enum class intake : uint8_t { everybody, admin_only, nobody };

struct peer_handles {
  policy_store_actor store;
  std::vector<shard_actor> shards;
};

/// What all shards share: counters that only grow or are owned by one writer each. No locks.
struct process_state {
  explicit process_state(size_t shards, const machine& on = this_machine());

  /// Our name in Via: no other process has it, so that a request which carries it has been here.
  const std::string pseudonym;
  const proxy::clock& clock; ///< Of the machine that it runs on.

  std::atomic<uint64_t> next_blocked_id{1};
  std::atomic<uint64_t> next_connection_id{1};
  /// Live connections of each shard, written by that shard alone, read by all (balance, total
  /// limit).
  std::vector<std::atomic<uint64_t>> connections;
  /// Live connections by a hash of the client's address: two that collide share their limit.
  std::array<std::atomic<uint32_t>, 4096> by_client{};
  std::atomic<uint64_t> udp_associations{0};  ///< Live ones.
  std::atomic<uint64_t> admin_connections{0}; ///< Live ones.
  /// `limits.max_connections`, or what follows from the descriptors.
  std::atomic<uint64_t> max_connections{1};
  memory_budget memory;
  own_sockets dialled;             ///< Connections to upstreams that may lead back to us (`dial`).
  own_sockets association_sockets; ///< Where UDP clients send to.
  subscriber_queue audit_queue;    ///< Events on their way to the audit actor.
  reload_counts reloads;           ///< Written by the policy store.
  log_ptr log;                     ///< Never null.
  /// What is on its way to a collector; never null. Who takes it is none of the state's: it would
  /// own the one who owns it.
  const std::shared_ptr<outlet> telemetry = std::make_shared<outlet>();
  socket_dialer_actor socket_dialer; ///< Null where unix sockets are not served.
  decider_actor decider; ///< Is asked what the rules leave to somebody; null: nobody is.
  /// The same outside of the actors: each core has a desk for it then.
  std::shared_ptr<outside_decider> outside;
  /// Hears of each refusal, on its core's loop; null: nobody does.
  std::function<void(const decision_event_ptr&)> refused;
  bool audited = false; ///< Somebody takes the audit trail, whatever the configuration says.
  std::atomic<uint64_t> questions{0}; ///< So many were asked.
  /// Serves a client of the admin API until either side closes. Set before there can be one.
  task<closing> (*admin_flow)(admin_session& c) = nullptr;
  std::shared_ptr<const tls::server_context>
    tls_server; ///< Towards clients of intercepted tunnels.

  [[nodiscard]] uint64_t total_connections() const noexcept {
    uint64_t sum = 0;
    for (const auto& n : connections)
      sum += n.load(std::memory_order_relaxed);
    return sum;
  }
};

/// What waits for the audit actor; lives as long as the process' state.
[[nodiscard]] inline std::shared_ptr<subscriber_queue>
audit_queue_of(const std::shared_ptr<process_state>& process) {
  return {process, &process->audit_queue};
}

/// What one core owns and its connections use: touched on the shard's loop only.
class shard_core {
public:
  shard_core(event_loop& own_loop, size_t number, std::shared_ptr<process_state> shared);
  shard_core(const shard_core&) = delete;
  ~shard_core();

  event_loop& loop;
  const size_t index;
  std::shared_ptr<process_state> process;
  desk_actor desk;     ///< Of `process_state::outside`, or null.
  snapshot_ptr policy; ///< In force here; never null.
  upstream_pool pool;
  resolver_actor resolver;
  ca_actor ca;
  tls::leaf_cache leaves;          ///< What the CA has minted, so far as it was needed here.
  refusal_leaves refused_leaves;   ///< The same for hosts that are refused.
  tls::session_cache tls_sessions; ///< Of upstreams.
  event_hub events;                ///< Who is told of decisions and faults.
  policy_store_actor store;        ///< For the admin API.
  supervisor_actor supervisor;     ///< The same; null where nobody watches.
  std::vector<shard_actor> peers;  ///< All shards, this one too; for the admin API and balance.
  /// To turn clients away when no other descriptor is left, and to serve the admin API then.
  descriptor_reserve for_clients{loop.network()}, for_admin{loop.network()};
  shard_counters counters;
  intake takes_in = intake::everybody;

  http1::request request;           ///< Scratch, valid until the next suspension.
  http1::response response;         ///< Scratch, valid until the next suspension.
  http1::request_path path;         ///< Scratch, valid until the next suspension.
  std::vector<http1::field> fields; ///< Scratch, valid until the next suspension.

  spare_texts texts; ///< For the heads of requests.
  told_refusal told; ///< To the client that was refused last.

  /// What UDP associations receive with and send with, empty between two of them. The buffer is
  /// made when the first association needs it.
  [[nodiscard]] datagram_buffer& datagrams() {
    if (!datagrams_)
      datagrams_ = std::make_unique<datagram_buffer>();
    return *datagrams_;
  }
  [[nodiscard]] datagram_queue& outgoing(bool v6) noexcept { return v6 ? to_v6_ : to_v4_; }

  [[nodiscard]] const config::proxy_config& config() const noexcept { return *policy->config; }
  [[nodiscard]] logger& log() const noexcept { return *process->log; }
  /// Who is asked what the rules leave to somebody; null: nobody is.
  [[nodiscard]] decider_actor decider() const {
    return desk ? decider_actor{desk} : process->decider;
  }

  // -- traces --

  /// Whether a request that begins is to be recorded.
  [[nodiscard]] bool wants_spans() const noexcept {
    return process->telemetry->wants(outlet_kind::span);
  }
  /// A span that is over.
  void tell(span_ptr over) const { process->telemetry->tell(std::move(over)); }
  span_ids ids;

  // -- decisions --

  // Each counts, and makes one event that all hear of who listen; where nobody does, none is made.

  void admitted(const policy::permit& granted, const client_session& of);
  /// For a unix socket, which is no domain.
  void admitted(const policy::socket_permit& granted, const policy::target& what,
                const client_session& of);
  /// (Where unix sockets are served, GET /blocked lists none of them.) @returns its request id.
  std::string refused(const policy::denial& why, const policy::target& what,
                      const client_session& of);
  /// A fault that is answered. @returns its request id.
  std::string faulted(errc code, const std::string& cause, const policy::target& what,
                      const client_session& of);
  /// A fresh request id: 16 hexadecimal digits that no two shards share.
  [[nodiscard]] std::string new_request_id();

  // -- connections --

  [[nodiscard]] bool admits(endpoint to) const noexcept {
    return takes_in == intake::everybody ||
           (takes_in == intake::admin_only && to == endpoint::admin);
  }
  void joined(connection& c);
  /// Takes back what was given up of the two reserves, with descriptors that are free by now.
  void take_back_descriptors();
  void left(connection& c);
  void joined(stream_session& c);
  void left(stream_session& c);
  void joined(admin_session& c);
  void left(admin_session& c);
  [[nodiscard]] const roster<connection>& connections() const noexcept { return connections_; }
  [[nodiscard]] const roster<stream_session>& streams() const noexcept { return streams_; }
  [[nodiscard]] const roster<admin_session>& admin_sessions() const noexcept { return admin_; }

  /// Answers a drain once the last connection has ended, streams and all; sessions of the admin API
  /// stay, which is how one watches it.
  void answer_drain(caf::typed_response_promise<bool> drained);

  /// Answers a close once the last session of the admin API has ended, and what it was told is
  /// sent.
  void answer_close(caf::typed_response_promise<bool> closed);

  /// Live connections from an address, over all shards (at least: hashes may collide).
  [[nodiscard]] uint32_t clients_of(const ip_address& ip) const noexcept;

private:
  void count_decision(policy::decision d, policy::reason r, const policy::target& what) noexcept;
  /// What every event has.
  [[nodiscard]] std::shared_ptr<decision_event>
  event_about(const policy::target& what, const client_session& of, std::string_view id) const;
  void count_connections();
  void report_when_drained();
  void report_when_closed();
  /// Keeps the numbers of a client that has left.
  void keep_totals(client_session& of);
  [[nodiscard]] std::atomic<uint32_t>& client_count(const ip_address& ip) const noexcept;

  roster<connection> connections_;
  roster<stream_session> streams_;
  roster<admin_session> admin_;
  caf::typed_response_promise<bool> drained_;             ///< Pending while a drain waits.
  std::vector<caf::typed_response_promise<bool>> closed_; ///< Closes that wait.
  std::unique_ptr<datagram_buffer> datagrams_;
  datagram_queue to_v4_, to_v6_;
  uint64_t id_seed_;
  uint64_t id_count_ = 0;
};

} // namespace proxy
