#include "actors/connection.hpp"

#include "actors/cores.hpp"
#include "actors/flows.hpp"
#include "actors/http2/link.hpp"
#include "actors/observe/log.hpp"
#include "actors/users.hpp"

namespace proxy {

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
      auto was_tunnel = session_.is_tunnel();
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
  if (auto* h2 = session_.in_state<state::h2_link>()) {
    h2->link->detach();
    session_.requests += h2->link->moved.requests;
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

void connection::log_end() const {
  const auto& s = session_;
  if (!s.shard.config().log.access)
    return;
  const auto* by = s.turned_down ? nullptr : s.admitted();
  const auto* to = s.turned_down ? s.turned_down.get() : by ? &by->to() : nullptr;
  std::string rule{by ? by->rule_text() : ""};
  auto age = std::chrono::duration_cast<std::chrono::milliseconds>(
    std::chrono::steady_clock::now() - s.began);
  auto* h2 = s.in_state<state::h2_link>();
  const auto moved = h2 ? h2->link->moved : http2_link::totals{};
  s.shard.log().info(
    "msg=connection id={} client={}{} protocol={} target={}:{} rule={} "
    "requests={} bytes_up={} bytes_down={} "
    "dns_ms={} connect_ms={} ms={} end={}",
    s.id, s.from, user_field(s.user()), to ? policy::to_string(to->protocol) : "-",
    to && !to->host.text().empty() ? to->host.in_url() : "-", to ? to->port : 0, quoted_text(rule),
    s.requests, s.bytes_up + moved.bytes_up, s.bytes_down + moved.bytes_down, s.dns_ms,
    s.connect_ms, age.count(), to_string(s.end));
}

} // namespace proxy
