#include "actors/connection.hpp"

#include <sys/socket.h>

#include "actors/association.hpp"
#include "actors/cores.hpp"
#include "actors/flows.hpp"
#include "actors/log_text.hpp"
#include "actors/users.hpp"

namespace proxy {

std::string client_address::str() const {
  if (unix_socket)
    return "unix";
  auto text = ip.str();
  if (!ip.is_v4())
    text = '[' + text + ']';
  text += ':';
  return text += std::to_string(port);
}

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

client_session::client_session(pinned_session& owner, shard_core& on, endpoint what,
                               client_address whence)
  : client_end(on, whence), self(owner),
    id(on.process->next_connection_id.fetch_add(1, std::memory_order_relaxed)), serves(what),
    began(on.loop.now()) {}

client_session::client_session(pinned_session& owner, const client_session& of,
                               std::unique_ptr<upstream> dialled)
  : client_session(owner, of.shard, of.serves, of.from) {
  if (of.inside)
    inside = std::make_unique<interception>(*of.inside);
  refused = of.refused;
  known_as = of.known_as;
  logins = of.logins;
  draining = of.draining;
  ahead = std::move(dialled);
  if (ahead)
    ahead->io.belong_to(&wakes);
}

client_session::~client_session() = default;

connection::connection(caf::actor_config& cfg, shard_core& owner, endpoint serves,
                       client_address from)
  : super(cfg), session_(*this, owner, serves, from) {}

connection::~connection() = default;

caf::error connection::met_limit(bool held_back) {
  auto& shard = session_.shard;
  if (shard.loop.memory().is_full())
    return out_of_memory(session_);
  auto too_many = [](std::string which) {
    return caf::make_error(errc::overloaded, std::move(which));
  };
  if (held_back)
    return too_many("out of file descriptors (" + std::to_string(usable_descriptors()) + ")");
  auto max = shard.process->max_connections.load(std::memory_order_relaxed);
  if (shard.process->total_connections() > max)
    return too_many("too many connections (limits.max_connections = " + std::to_string(max) + ")");
  auto per_client = shard.config().limits.max_connections_per_client;
  const auto& from = session_.from;
  if (per_client > 0 && !from.unix_socket && shard.clients_of(from.ip) > per_client)
    return too_many("too many connections (limits.max_connections_per_client = " +
                    std::to_string(per_client) + ")");
  return caf::none;
}

void connection::begin(int descriptor, bool held_back) {
  self_ = caf::strong_actor_ptr{ctrl()};
  session_.shard.joined(*this);
  if (!session_.client.raw.open(session_.shard.loop, descriptor, &session_.wakes)) {
    finish(ending::aborted, closing::reset);
    return;
  }
  auto limit = met_limit(held_back);
  flow_ = limit ? turn_away(session_, std::move(limit)) : client_flow(session_);
  session_.holds(0);
  flow_.start(this, &connection::flow_done);
}

connection::behavior_type connection::make_behavior() {
  return {
    [this](atom::judge, const snapshot_ptr&) {
      auto was_tunnel = session_.tunnelling;
      if (!self_ || !session_.judge())
        return false;
      end_from_outside(ending::policy_changed);
      return was_tunnel;
    },
    [this](atom::drain) {
      session_.draining = true;
      if (self_)
        session_.wakes.fire();
    },
    [this](atom::abort) {
      if (self_)
        end_from_outside(ending::aborted);
    },
  };
}

void connection::flow_done(void* self) noexcept {
  auto& ended = *static_cast<connection*>(self);
  ended.finish(ended.session_.end, ended.flow_.take());
}

void connection::end_from_outside(ending how) {
  // Nothing may resume the flow any more: not a timer that is due, not an answer that is on its
  // way.
  flow_.reset();
  finish(how, closing::reset);
}

void connection::finish(ending how, closing by) {
  session_.end = how;
  if (session_.link) {
    session_.link->detach();
    session_.requests += session_.link->moved.requests;
  }
  log_end();
  auto& shard = session_.shard;
  shard.left(*this);
  session_.close(by);
  shard.for_admin.refill();
  shard.for_clients.refill();
  // The flow may be on the stack still (it is at its end), and so may a message of ours.
  shard.loop.release_later(std::move(self_));
}

void client_session::close(closing how) {
  running = nullptr;
  held.set(0);
  // A reset tells either side that what it has is not the whole.
  if (how == closing::reset) {
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
}

void connection::log_end() const {
  const auto& s = session_;
  if (!s.shard.config().log.access)
    return;
  const auto* to = s.turned_down ? s.turned_down.get() : s.admitted ? &s.admitted->to() : nullptr;
  std::string rule{s.admitted && !s.turned_down ? s.admitted->rule_text() : ""};
  auto age = std::chrono::duration_cast<std::chrono::milliseconds>(
    std::chrono::steady_clock::now() - s.began);
  const auto* streams = s.link.get();
  s.shard.log().info(
    "msg=connection id={} client={}{} protocol={} target={}:{} rule={} "
    "requests={} bytes_up={} bytes_down={} "
    "dns_ms={} connect_ms={} ms={} end={}",
    s.id, s.from.str(), user_field(s.user()), to ? policy::to_string(to->protocol) : "-",
    to && !to->host.text().empty() ? to->host.in_url() : "-", to ? to->port : 0, quoted_text(rule),
    s.requests, s.bytes_up + (streams ? streams->moved.bytes_up : 0),
    s.bytes_down + (streams ? streams->moved.bytes_down : 0), s.dns_ms, s.connect_ms, age.count(),
    to_string(s.end));
}

connection_info client_session::describe() const {
  connection_info info;
  info.id = id;
  info.client = from.str();
  info.user = user();
  info.state = udp               ? "association"
               : client.stream() ? (tunnelling ? "tunnel" : "stream")
               : inside          ? "intercepted"
               : tunnelling      ? "tunnel"
               : server          ? "request"
                                 : "idle";
  if (server) {
    info.protocol = server->key.tls ? policy::protocol::https : policy::protocol::http;
    info.host = server->key.host;
    info.port = server->key.port;
  }
  if (admitted) {
    info.protocol = admitted->to().protocol;
    info.host = admitted->to().host.text();
    info.port = admitted->to().port;
    info.rule = admitted->rule_text();
    if (const auto* rule = admitted->by() ? admitted->by()->rule() : nullptr) {
      info.rule_file = rule->file;
      info.rule_line = rule->line;
    }
  }
  info.bytes_up = bytes_up;
  info.bytes_down = bytes_down;
  info.age_ms = static_cast<uint64_t>(
    std::chrono::duration_cast<std::chrono::milliseconds>(shard.loop.now() - began).count());
  return info;
}

} // namespace proxy
