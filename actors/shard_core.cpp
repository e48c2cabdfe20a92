#include "actors/shard_core.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <random>

#include "actors/admin_session.hpp"
#include "actors/answers.hpp"
#include "actors/connection.hpp"
#include "actors/cores.hpp"
#include "actors/http2/stream_session.hpp"
#include "actors/log_text.hpp"
#include "actors/mix.hpp"
#include "actors/users.hpp"

namespace proxy {

namespace {

/// Descriptors that a shard keeps in reserve, for clients and for the admin API each.
constexpr uint64_t max_reserve = 4;

uint64_t random_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

/// A method as it is recorded: a client may make it as long as a head, and many records are kept.
std::string record_of_method(std::string_view method) {
  constexpr size_t longest = 64;
  return std::string{method.substr(0, longest)};
}

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

/// The audit event of a refusal, as an allowed one of the baseline until more is said.
audit_event event_of(const blocked_request& entry, uint64_t generation) {
  audit_event event;
  event.at = entry.at;
  event.reason = entry.reason;
  event.protocol = entry.protocol;
  event.host = entry.host;
  event.port = entry.port;
  event.method = entry.method;
  event.client = entry.client;
  event.user = entry.user;
  event.request_id = entry.request_id;
  event.rule = entry.rule;
  event.generation = generation;
  return event;
}

} // namespace

process_state::process_state(size_t shards)
  : pseudonym(std::string{product} + '-' + to_hex(random_seed())), connections(shards) {}

shard_core::shard_core(event_loop& on, size_t number, std::shared_ptr<process_state> shared)
  : loop(on), index(number), process(std::move(shared)), pool(on), id_seed_(random_seed()) {
  loop.memory().belong_to(process->memory);
  auto share = usable_descriptors() / (64 * process->connections.size());
  auto count = std::clamp<uint64_t>(share, 1, max_reserve);
  for_clients.hold(count);
  for_admin.hold(count);
}

shard_core::~shard_core() { loop.memory().leave(); }

std::string shard_core::new_request_id() {
  // The shard's number in the top byte before mixing: two shards never make the same id from one
  // seed.
  return to_hex(mix((id_seed_ + ++id_count_) ^ uint64_t{index} << 56));
}

void shard_core::record(audit_event event) {
  if (process->audit_waiting.load(std::memory_order_relaxed) >= config().audit.queue_size) {
    process->audit_dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  process->audit_waiting.fetch_add(1, std::memory_order_relaxed);
  caf::anon_send(audit, atom::record_v, std::move(event));
}

void shard_core::admitted(const policy::permit& by, const client_session& of) {
  ++counters.decisions[policy::decision::allow][policy::reason::allow];
  if (!audit)
    return;
  auto decider = by.source() == policy::source::decider;
  audit_event event;
  event.at = std::chrono::system_clock::now();
  event.source = by.source();
  // What the decider overruled is the reason (audit fields, §18).
  event.reason = policy::to_string(decider ? policy::reason::not_allowed : policy::reason::allow);
  event.overridden = decider;
  event.protocol = by.to().protocol;
  event.host = by.to().host.text();
  event.port = by.to().port;
  event.method = record_of_method(by.to().method);
  event.client = of.from.str();
  event.user = of.user();
  event.request_id = new_request_id();
  event.rule = by.rule() ? by.rule()->text : "";
  event.generation = policy->generation;
  record(std::move(event));
}

void shard_core::admitted(const policy::socket_permit&, const policy::target& what,
                          const client_session& of) {
  ++counters.decisions[policy::decision::allow][policy::reason::allow];
  if (!audit)
    return;
  audit_event event;
  event.at = std::chrono::system_clock::now();
  event.domain_scope = false;
  event.source = policy::source::proxy_state;
  event.reason = policy::to_string(policy::reason::allow);
  event.protocol = what.protocol;
  event.host = what.host.text();
  event.port = what.port;
  event.method = record_of_method(what.method);
  event.client = of.from.str();
  event.user = of.user();
  event.request_id = new_request_id();
  event.generation = policy->generation;
  record(std::move(event));
}

std::string shard_core::refused(const policy::denial& why, const policy::target& what,
                                const client_session& of) {
  ++counters.decisions[why.decision][why.reason];
  blocked_request entry;
  entry.id = process->next_blocked_id.fetch_add(1, std::memory_order_relaxed);
  entry.at = std::chrono::system_clock::now();
  entry.host = what.host.text();
  entry.port = what.port;
  entry.reason = policy::reason_text(why);
  entry.decision = why.decision;
  entry.source = why.source;
  entry.protocol = what.protocol;
  entry.method = record_of_method(what.method);
  entry.mode = policy->rules->mode;
  entry.client = of.from.str();
  entry.user = of.user();
  if (why.rule)
    entry.rule = why.rule->text;
  entry.request_id = new_request_id();
  if (log().should_log(spdlog::level::info))
    log().info("msg=blocked host={} port={} reason={} decision={} source={} protocol={} method={} "
               "rule={} "
               "client={}{} request_id={}",
               log_text{entry.host}, entry.port, log_text{entry.reason},
               policy::to_string(entry.decision), policy::to_string(entry.source),
               policy::to_string(entry.protocol), log_text{entry.method}, quoted_text(entry.rule),
               entry.client, user_field(entry.user), entry.request_id);
  if (audit) {
    if (why.passed) {
      auto passed = event_of(entry, policy->generation);
      passed.reason = policy::to_string(policy::reason::allow);
      passed.rule = why.passed->text;
      record(std::move(passed));
    }
    auto event = event_of(entry, policy->generation);
    event.domain_scope = why.domain_scope;
    event.decision = why.decision;
    event.source = why.source;
    record(std::move(event));
  }
  auto id = entry.request_id;
  if (!is_listed(why, what, static_cast<bool>(process->socket_dialer)))
    return id;
  if (what.unix_socket && why.reason == policy::reason::proxy_disabled)
    entry.host = what.unix_socket->substr(0, longest_listed_path);
  ++blocked_total_;
  if (blocked_.size() == blocked_ring_size)
    blocked_.pop_front();
  blocked_.push_back(std::move(entry));
  return id;
}

std::string shard_core::faulted(errc code, const std::string& cause, const policy::target& what,
                                const client_session& of) {
  ++counters.faults[code];
  auto id = new_request_id();
  auto status = outcome_of(code).http_status;
  auto kind = to_string(code);
  auto client = of.from.str();
  auto method = record_of_method(what.method);
  if (log().should_log(spdlog::level::info))
    log().info("msg=fault host={} port={} error={} status={} cause={} protocol={} method={} "
               "client={}{} request_id={}",
               log_text{what.host.text().empty() ? "-" : what.host.text()}, what.port, kind, status,
               quoted_text(cause), policy::to_string(what.protocol),
               log_text{method.empty() ? "-" : method}, client, user_field(of.user()), id);
  if (audit) {
    audit_event event;
    event.at = std::chrono::system_clock::now();
    event.fault = std::move(kind);
    event.cause = cause;
    event.status = status;
    event.protocol = what.protocol;
    event.host = what.host.text();
    event.port = what.port;
    event.method = std::move(method);
    event.client = std::move(client);
    event.user = of.user();
    event.request_id = id;
    event.generation = policy->generation;
    record(std::move(event));
  }
  return id;
}

blocked_page shard_core::blocked() const {
  return {{blocked_.begin(), blocked_.end()}, blocked_total_};
}

std::atomic<uint32_t>& shard_core::client_count(const ip_address& ip) const noexcept {
  uint64_t hash = 0;
  for (auto byte : ip.bytes())
    hash = hash * 31 + byte;
  return process->by_client[mix(hash) % process->by_client.size()];
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
  counters.connections_active = connections_.size() + admin_.size();
  process->connections[index].store(counters.connections_active, std::memory_order_relaxed);
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

void shard_core::keep_totals(const client_session& of) {
  if (of.is_tunnel())
    --counters.tunnels_active;
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
}

void shard_core::answer_drain(caf::typed_response_promise<bool> drained) {
  drained_ = std::move(drained);
  report_when_drained();
}

void shard_core::report_when_drained() {
  if (connections_.empty() && streams_.empty() && drained_.pending())
    drained_.deliver(true);
}

} // namespace proxy
