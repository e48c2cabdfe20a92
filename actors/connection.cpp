#include "actors/connection.hpp"

#include <sys/socket.h>

#include "actors/association.hpp"
#include "actors/flows.hpp"
#include "actors/observe/log.hpp"
#include "actors/socket_dialer.hpp"
#include "actors/users.hpp"

namespace proxy {

namespace {

/// Connections to the admin API, over all workers: whoever holds them open holds memory.
constexpr uint64_t max_admin_connections = 1024;

} // namespace

std::string_view to_string(ending e) noexcept {
  switch (e) {
    case ending::done: return "done";
    case ending::client_gone: return "client_gone";
    case ending::upstream_gone: return "upstream_gone";
    case ending::idle: return "idle";
    case ending::refused: return "refused";
    case ending::fault: return "fault";
    case ending::policy_changed: return "policy_changed";
    case ending::aborted: return "aborted";
  }
  return "?";
}

connection::connection(caf::actor_config& cfg, shard_core& owner, endpoint what,
                       client_address whence)
  : super(cfg), shard(owner), wakes(owner.loop), held(owner.loop.memory()),
    id(owner.process->next_connection_id.fetch_add(1, std::memory_order_relaxed)), from(whence),
    serves(what), began_(owner.loop.now()) {}

connection::~connection() = default;

bool connection::over_limit() const {
  const auto& limits = shard.config().limits;
  if (shard.loop.memory().is_full())
    return true;
  auto per_client = limits.max_connections_per_client;
  auto max = shard.process->max_connections.load(std::memory_order_relaxed);
  return no_descriptors || shard.process->total_connections() > max ||
         (per_client > 0 && !from.unix_socket && shard.clients_of(from.ip) > per_client);
}

void connection::begin(int descriptor) {
  self_ = caf::strong_actor_ptr{ctrl()};
  shard.joined(*this);
  if (!client.raw.open(shard.loop, descriptor, &wakes)) {
    finish(ending::aborted);
    return;
  }
  if (serves == endpoint::admin &&
      shard.process->admin_connections.load(std::memory_order_relaxed) > max_admin_connections) {
    finish(ending::aborted);
    return;
  }
  flow_ = serves == endpoint::admin ? admin_flow(*this)
          : over_limit()            ? turn_away(*this)
                                    : client_flow(*this);
  holds(0);
  flow_.start(this, &connection::flow_done);
}

void connection::begin(std::unique_ptr<http2_stream> stream) {
  self_ = caf::strong_actor_ptr{ctrl()};
  is_stream = true;
  shard.joined(*this);
  client.use(std::move(stream));
  held.count_in(client.stream()->link().held_by_requests);
  holds(0);
  flow_ = stream_flow(*this);
  flow_.start(this, &connection::flow_done);
}

connection::behavior_type connection::make_behavior() {
  return {
    [this](atom::judge, const snapshot_ptr& next) {
      if (!self_ || !is_open_to_judgement())
        return false;
      auto why = judge_open(next);
      if (!why)
        return false;
      auto was_tunnel = tunnelling;
      (void)shard.refused(*why, running ? running->target : admitted->to, *this);
      end_from_outside(ending::policy_changed);
      return was_tunnel;
    },
    [this](atom::drain) {
      draining = true;
      if (self_)
        wakes.fire();
    },
    [this](atom::abort) {
      if (self_)
        end_from_outside(ending::aborted);
    },
  };
}

std::optional<policy::denial> connection::judge_open(const snapshot_ptr& next) {
  if (auto why = judge_user(*next, *this))
    return why;
  if (udp) {
    if (auto why = judge_association(*next))
      return why;
  } else if (tunnelling) {
    if (auto why = judge_tunnel(*next, *admitted))
      return why;
    if (!admitted->head.empty())
      if (auto why = judge_head(admitted->head, admitted->by_decider))
        return why;
  }
  if (known_as)
    known_as = std::make_shared<const identity>(identity{known_as->user, next->config});
  if (udp)
    udp->judge_again();
  if (inside)
    if (auto why = judge_inside(next))
      return why;
  return running ? judge_running(next) : std::nullopt;
}

std::optional<policy::denial> connection::judge_inside(const snapshot_ptr& next) {
  admission tunnel;
  tunnel.to = inside->tunnel.to();
  tunnel.by_decider = inside->tunnel.source() == policy::source::decider;
  tunnel.intercepted = true;
  if (auto why = judge_tunnel(*next, tunnel))
    return why;
  // What a decider admitted stays admitted by it; anything else has a rule in the new policy.
  auto judged = policy::evaluate(*next->rules, inside->tunnel.to());
  if (auto* again = std::get_if<policy::permit>(&judged)) {
    inside->tunnel = std::move(*again);
    inside->under = next;
  }
  return std::nullopt;
}

std::optional<policy::denial> connection::judge_running(const snapshot_ptr& next) {
  if (auto why = judge_head(running->received, false))
    return why;
  if (server && running->target.unix_socket)
    return policy::judge_socket_again(*next->rules, socket_lists_of(*next->config), running->target,
                                      server->key.host);
  if (!server || !server->key.via.empty())
    return std::nullopt;
  return policy::judge_again(*next->rules, running->target, server->address, false, true,
                             server->found_as);
}

std::optional<policy::denial> connection::judge_head(std::string_view head, bool by_decider) {
  exchange now;
  auto judged = judge_request(*this, head, now, by_decider);
  if (std::holds_alternative<policy::permit>(judged) ||
      std::holds_alternative<policy::socket_permit>(judged))
    return std::nullopt;
  auto* error = std::get_if<caf::error>(&judged);
  if (error && code_of(*error) == errc::head_too_large)
    return std::nullopt; // it came while the limit was another
  auto* denial = std::get_if<policy::denial>(&judged);
  auto why = denial ? std::move(*denial) : not_judged();
  why.passed = nullptr; // its host passed when it came
  return why;
}

void connection::flow_done(void* self) noexcept {
  static_cast<connection*>(self)->finish(static_cast<connection*>(self)->end);
}

void connection::end_from_outside(ending how) {
  // Nothing may resume the flow any more: not a timer that is due, not an answer that is on its
  // way.
  flow_.reset();
  finish(how);
}

void connection::finish(ending how) {
  end = how;
  running = nullptr;
  held.set(0);
  if (is_stream) {
    auto& moved = client.stream()->link().moved;
    moved.bytes_up += bytes_up;
    moved.bytes_down += bytes_down;
    moved.requests += requests;
  }
  if (link) {
    link->detach();
    requests += link->moved.requests;
  }
  log_end();
  shard.left(*this);
  // A reset tells either side that what it has is not the whole.
  if (reset || how == ending::policy_changed || how == ending::aborted) {
    client.abort();
    if (server)
      server->io.abort();
    if (ahead)
      ahead->io.abort();
  } else {
    client.close();
  }
  server.reset();
  ahead.reset();
  logins.reset();
  udp.reset();
  shard.for_admin.refill();
  shard.for_clients.refill();
  // The flow may be on the stack still (it is at its end), and so may a message of ours.
  shard.loop.release_later(std::move(self_));
}

void connection::log_end() const {
  if (!shard.config().log.access || serves == endpoint::admin || is_stream)
    return;
  const auto* to = turned_down ? turned_down.get() : admitted ? &admitted->to : nullptr;
  std::string rule =
    admitted && !turned_down ? (admitted->by_decider ? "decider" : admitted->rule.text) : "";
  auto age = std::chrono::duration_cast<std::chrono::milliseconds>(
    std::chrono::steady_clock::now() - began_);
  shard.log().info("msg=connection id={} client={}{} protocol={} target={}:{} rule={} "
                   "requests={} bytes_up={} bytes_down={} "
                   "dns_ms={} connect_ms={} ms={} end={}",
                   id, from.str(), user_field(user()), to ? policy::to_string(to->protocol) : "-",
                   to && !to->host.text().empty() ? to->host.in_url() : "-", to ? to->port : 0,
                   quoted_text(rule), requests, bytes_up + (link ? link->moved.bytes_up : 0),
                   bytes_down + (link ? link->moved.bytes_down : 0), dns_ms, connect_ms,
                   age.count(), to_string(end));
}

connection_info connection::describe() const {
  connection_info info;
  info.id = id;
  info.client = from.str();
  info.user = user();
  info.state = udp          ? "association"
               : is_stream  ? (tunnelling ? "tunnel" : "stream")
               : inside     ? "intercepted"
               : tunnelling ? "tunnel"
               : server     ? "request"
                            : "idle";
  if (server) {
    info.protocol = server->key.tls ? policy::protocol::https : policy::protocol::http;
    info.host = server->key.host;
    info.port = server->key.port;
  }
  if (admitted) {
    info.protocol = admitted->to.protocol;
    info.host = admitted->to.host.text();
    info.port = admitted->to.port;
    info.rule = admitted->by_decider ? "decider" : admitted->rule.text;
    info.rule_file = admitted->rule.file;
    info.rule_line = admitted->rule.line;
  }
  info.bytes_up = bytes_up;
  info.bytes_down = bytes_down;
  info.age_ms = static_cast<uint64_t>(
    std::chrono::duration_cast<std::chrono::milliseconds>(shard.loop.now() - began_).count());
  return info;
}

std::optional<policy::denial> judge_tunnel(const snapshot& in_force, const admission& of) {
  if (of.to.protocol == policy::protocol::socks5_tcp && !in_force.config->enable_socks5) {
    policy::denial off;
    off.reason = policy::reason::proxy_disabled;
    off.source = policy::source::proxy_state;
    off.domain_scope = false;
    return off;
  }
  return policy::judge_again(*in_force.rules, of.to, of.connected, of.by_decider, of.intercepted,
                             of.found_as);
}

} // namespace proxy
