#include "actors/serve/core/shard_core.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "actors/loop/mix.hpp"
#include "actors/loop/system/cores.hpp"
#include "actors/serve/answer/answers.hpp"
#include "actors/serve/client/admin_session.hpp"
#include "actors/serve/client/connection.hpp"
#include "actors/serve/exchange/stream_session.hpp"

namespace proxy {

namespace {

/// Descriptors that a shard keeps in reserve, for clients and for the admin API each.
constexpr uint64_t max_reserve = 4;

std::string to_hex(uint64_t x) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string digits(16, '0');
  for (auto& digit : digits) {
    digit = hex[x & 15];
    x >>= 4;
  }
  return digits;
}

/// Whether GET /blocked shows a refusal. Where unix sockets are served, audit and log alone tell
/// which are tried, and how.
bool is_listed(const policy::denial& why, const policy::target& what,
               bool serves_sockets) noexcept {
  return !what.unix_socket || !serves_sockets || why.reason == policy::reason::proxy_disabled;
}

/// Of a path, which a client may make as long as a head.
constexpr size_t longest_listed_path = 256;

} // namespace

process_state::process_state(size_t shards, const machine& on)
  : pseudonym(std::string{product}.append("-").append(to_hex(on.entropy.number()))),
    clock(on.clock), connections(shards), dialled(on.entropy.number()),
    association_sockets(on.entropy.number()) {}

shard_core::shard_core(event_loop& own_loop, size_t number, std::shared_ptr<process_state> shared)
  : loop(own_loop), index(number), process(std::move(shared)), pool(own_loop),
    events(process->log, audit_queue_of(process)), id_seed_(own_loop.on().entropy.number()) {
  events.tell_refusals_to(process->refused);
  events.export_to(process->telemetry);
  loop.memory().belong_to(process->memory);
  auto share = usable_descriptors() / (64 * process->connections.size());
  auto count = std::clamp<uint64_t>(share, 1, max_reserve);
  for_clients.hold(count);
  for_admin.hold(count);
}

shard_core::~shard_core() {
  loop.when_none_is_owned(nullptr);
  loop.memory().leave();
}

std::string shard_core::new_request_id() {
  // The shard's number in the top byte before mixing: two shards never make the same id from one
  // seed.
  return to_hex(mix((id_seed_ + ++id_count_) ^ uint64_t{index} << 56));
}

std::shared_ptr<decision_event> shard_core::event_about(const policy::target& what,
                                                        const client_session& of,
                                                        std::string_view id) const {
  auto event = std::make_shared<decision_event>();
  event->at = loop.wall();
  event->request_id = event_id{id};
  event->generation = policy->generation;
  event->mode = policy->rules->mode;
  event->client = of.from;
  event->user = of.user();
  event->protocol = what.protocol;
  event->host = what.host.text();
  event->port = what.port;
  event->method = recorded_method(what.method);
  if (of.trace)
    event->trace = *of.trace;
  return event;
}

void shard_core::take_back_descriptors() {
  if (!for_admin.is_short() && !for_clients.is_short())
    return;
  loop.calls().flush(); // what is to be closed is
  for_admin.refill();
  for_clients.refill();
}

void shard_core::count_decision(policy::decision d, policy::reason r,
                                const policy::target& what) noexcept {
  ++counters.decisions.at(what.protocol, policy->rules->mode, d, r);
}

void shard_core::admitted(const policy::permit& granted, const client_session& of) {
  count_decision(policy::decision::allow, policy::reason::allow, granted.to());
  if (!events.wants_admission())
    return;
  auto event = event_about(granted.to(), of, new_request_id());
  event->source = granted.source();
  if (granted.source() == policy::source::decider)
    event->overruled = policy::reason::not_allowed;
  if (granted.rule())
    event->rule = granted.rule()->text;
  events.publish(std::move(event));
}

void shard_core::admitted(const policy::socket_permit&, const policy::target& what,
                          const client_session& of) {
  count_decision(policy::decision::allow, policy::reason::allow, what);
  if (!events.wants_admission())
    return;
  auto event = event_about(what, of, new_request_id());
  event->domain_scope = false;
  event->source = policy::source::proxy_state;
  events.publish(std::move(event));
}

std::string shard_core::refused(const policy::denial& why, const policy::target& what,
                                const client_session& of) {
  count_decision(why.decision, why.reason, what);
  auto id = new_request_id();
  auto event = event_about(what, of, id);
  event->decision = why.decision;
  event->reason = why.reason;
  event->source = why.source;
  event->domain_scope = why.domain_scope;
  event->words = why.words;
  if (why.rule)
    event->rule = why.rule->text;
  if (why.passed)
    event->passed_rule = why.passed->text;
  if (is_listed(why, what, static_cast<bool>(process->socket_dialer))) {
    event->id = process->next_blocked_id.fetch_add(1, std::memory_order_relaxed);
    if (what.unix_socket && why.reason == policy::reason::proxy_disabled)
      event->socket_path = what.unix_socket->substr(0, longest_listed_path);
  }
  events.publish(std::move(event));
  return id;
}

std::string shard_core::faulted(errc code, const std::string& cause, const policy::target& what,
                                const client_session& of) {
  ++counters.faults[code];
  auto id = new_request_id();
  if (!events.wants_fault())
    return id;
  auto event = event_about(what, of, id);
  event->fault = fault_facts{code, cause};
  events.publish(std::move(event));
  return id;
}

std::atomic<uint32_t>& shard_core::client_count(const ip_address& ip) const noexcept {
  auto halves = std::bit_cast<std::array<uint64_t, 2>>(ip.bytes());
  return process->by_client[mix(mix(halves[0]) ^ halves[1]) % process->by_client.size()];
}

uint32_t shard_core::clients_of(const ip_address& ip) const noexcept {
  return client_count(ip).load(std::memory_order_relaxed);
}

void shard_core::joined(connection& c) {
  connections_.add(c);
  client_count(c.session().from.ip).fetch_add(1, std::memory_order_relaxed);
  ++counters.connections_total;
  count_connections();
}

void shard_core::joined(stream_session& c) {
  streams_.add(c);
  ++counters.http2_streams_total;
}

void shard_core::count_connections() {
  process->connections[index].store(connections_.size() + admin_.size(), std::memory_order_relaxed);
}

void shard_core::left(connection& c) {
  connections_.remove(c);
  client_count(c.session().from.ip).fetch_sub(1, std::memory_order_relaxed);
  keep_totals(c.session());
  count_connections();
  report_when_drained();
}

void shard_core::left(stream_session& c) {
  streams_.remove(c);
  keep_totals(c.session());
  report_when_drained();
}

void shard_core::keep_totals(client_session& of) {
  of.end_tunnel();
  counters.bytes_up += of.bytes_up;
  counters.bytes_down += of.bytes_down;
}

void shard_core::joined(admin_session& c) {
  admin_.add(c);
  client_count(c.from.ip).fetch_add(1, std::memory_order_relaxed);
  process->admin_connections.fetch_add(1, std::memory_order_relaxed);
  ++counters.connections_total;
  count_connections();
}

void shard_core::left(admin_session& c) {
  admin_.remove(c);
  client_count(c.from.ip).fetch_sub(1, std::memory_order_relaxed);
  process->admin_connections.fetch_sub(1, std::memory_order_relaxed);
  count_connections();
  report_when_closed();
}

void shard_core::answer_drain(caf::typed_response_promise<bool> drained) {
  drained_ = std::move(drained);
  loop.when_none_is_owned([this] { report_when_drained(); });
  report_when_drained();
}

void shard_core::report_when_drained() {
  if (connections_.empty() && streams_.empty() && loop.owned().empty() && drained_.pending())
    drained_.deliver(true);
}

void shard_core::answer_close(caf::typed_response_promise<bool> closed) {
  closed_.push_back(std::move(closed));
  report_when_closed();
}

void shard_core::report_when_closed() {
  if (!admin_.empty() || closed_.empty())
    return;
  loop.calls().flush(); // whoever hears of it may end the process
  for (auto& each : std::exchange(closed_, {}))
    each.deliver(true);
}

} // namespace proxy
