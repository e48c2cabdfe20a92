#include "actors/serve/client/connection.hpp"

#include "actors/loop/system/cores.hpp"
#include "actors/net/http2_link.hpp"
#include "actors/observe/log/log.hpp"
#include "actors/serve/client/client_flow.hpp"
#include "actors/serve/client/users.hpp"

namespace proxy {

connection::connection(caf::actor_config& cfg, shard_core& owner, endpoint serves,
                       client_address from)
  : session_owner(cfg, owner, serves, from) {}

connection::~connection() = default;

caf::error connection::met_limit(bool held_back) {
  auto& shard = session().shard;
  if (shard.loop.memory().is_full())
    return out_of_memory(session());
  auto too_many = [](std::string which) {
    return caf::make_error(errc::overloaded, std::move(which));
  };
  if (held_back)
    return too_many("out of file descriptors (" + std::to_string(usable_descriptors()) + ")");
  auto max = shard.process->max_connections.load(std::memory_order_relaxed);
  if (shard.process->total_connections() > max)
    return too_many("too many connections (limits.max_connections = " + std::to_string(max) + ")");
  auto per_client = shard.config().limits.max_connections_per_client;
  const auto& from = session().from;
  if (per_client > 0 && !from.unix_socket && shard.clients_of(from.ip) > per_client)
    return too_many("too many connections (limits.max_connections_per_client = " +
                    std::to_string(per_client) + ")");
  return caf::none;
}

void connection::begin(int descriptor, bool held_back) {
  live();
  auto& s = session();
  s.shard.joined(*this);
  if (!s.client.open(s.shard.loop, descriptor, &s.wakes)) {
    finish(ending::aborted, closing::reset);
    return;
  }
  auto limit = met_limit(held_back);
  start(limit ? turn_away(s, std::move(limit)) : client_flow(s));
}

void connection::leave() {
  auto& s = session();
  if (auto* h2 = s.in_state<state::h2_link>()) {
    h2->link->detach();
    s.requests += h2->link->moved.requests;
  }
  log_end();
  s.shard.left(*this);
}

void connection::log_end() const {
  const auto& s = session();
  if (!s.shard.config().log.access)
    return;
  const auto* by = s.turned_down ? nullptr : s.admitted();
  const auto* to = s.turned_down ? s.turned_down.get() : by ? &by->to() : nullptr;
  std::string rule{by ? by->rule_text() : ""};
  auto age =
    std::chrono::duration_cast<std::chrono::milliseconds>(s.shard.loop.on().clock.now() - s.began);
  auto* h2 = s.in_state<state::h2_link>();
  const auto moved = h2 ? h2->link->moved : http2_link::totals{};
  s.shard.log().info("msg=connection id={} client={}{} protocol={} target={}:{} rule={} "
                     "requests={} bytes_up={} bytes_down={} "
                     "dns_ms={} connect_ms={} ms={} end={}",
                     s.id, s.from, user_field(s.user()), to ? policy::to_string(to->protocol) : "-",
                     to && !to->host.text().empty() ? to->host.in_url() : "-", to ? to->port : 0,
                     quoted_text(rule), s.requests, s.bytes_up + moved.bytes_up,
                     s.bytes_down + moved.bytes_down, s.dns_ms, s.connect_ms, age.count(),
                     to_string(s.end));
}

} // namespace proxy
