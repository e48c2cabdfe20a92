#include "actors/serve/socks5/association.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include "protocols/socks5/datagram.hpp"

namespace proxy {

namespace {

/// Datagrams of a target that wait, for its look-up or for a word.
constexpr size_t max_waiting = 8;
constexpr size_t max_waiting_for_word = 1;
constexpr size_t max_waiting_bytes = 64 * 1024; ///< Of all targets.

size_t most_waiting(udp_target::state is) noexcept {
  switch (is) {
    case udp_target::state::asked: return max_waiting_for_word;
    case udp_target::state::resolving: return max_waiting;
    default: return 0;
  }
}

bool same_address(const ip_sockaddr& a, const ip_sockaddr& b) { return a.ip() == b.ip(); }

bool is_any(const ip_address& address) {
  return address == ip_address{} || address == ip_address::v4(0);
}

/// An IPv4 address that is spelled as the IPv6 address that maps it means the same.
ip_address unmapped(const ip_address& address) {
  auto v4 = ip_address::v4(address.low32());
  return address.bytes() == v4.bytes() ? v4 : address;
}

} // namespace

association::association(client_session& c) : c_(c) {
  c.shard.process->udp_associations.fetch_add(1, std::memory_order_relaxed);
  ++c.shard.counters.udp_associations_active;
}

association::~association() {
  *alive_ = nullptr;
  c_.shard.process->udp_associations.fetch_sub(1, std::memory_order_relaxed);
  --c_.shard.counters.udp_associations_active;
}

caf::expected<std::unique_ptr<association>> association::open(client_session& c,
                                                              const socks5::endpoint& wanted) {
  auto limit = c.shard.config().limits.max_udp_associations;
  if (c.shard.process->udp_associations.load(std::memory_order_relaxed) >= limit)
    return caf::make_error(errc::overloaded, std::string{"too many UDP associations"});
  std::unique_ptr<association> made{new association(c)};
  auto here = c.client.local_address().ip().value_or(ip_address{});
  if (auto error = made->client_.open(c.shard.loop, make_sockaddr(here, 0), &c.wakes); error != 0)
    return caf::make_error(errc::system, "UDP socket: " + std::generic_category().message(error));
  auto bound = made->client_.bound();
  made->listed_ =
    c.shard.process->association_sockets.add({bound.ip().value_or(ip_address{}), bound.port()});
  if (auto err = made->expect_from(wanted))
    return err;
  return made;
}

caf::error association::expect_from(const socks5::endpoint& declared) {
  auto address = declared.host.ip() ? unmapped(*declared.host.ip()) : ip_address{};
  auto named = !is_any(address);
  sender_ = c_.from.ip;
  if (!c_.shard.config().socks_users.empty()) {
    // Who showed who it is says where it sends from, and nobody else may, from wherever.
    if (named && address.is_v4() != sender_.is_v4())
      return caf::make_error(errc::unsupported_address_type,
                             "datagrams from " + address.str() + " cannot come here");
    if (named)
      sender_ = address;
    client_known_ = declared.port != 0;
  } else {
    // A client behind an address translator does not know its own address: only a port that goes
    // with the address it is connected from is believed.
    client_known_ = declared.port != 0 && address == sender_;
  }
  if (client_known_)
    client_at_ = make_sockaddr(sender_, declared.port);
  return caf::none;
}

void association::drop(uint64_t shard_counters::*counter, uint64_t count) noexcept {
  c_.shard.counters.*counter += count;
}

association::moved association::run() {
  auto& buffer = c_.shard.datagrams();
  auto out = std::exchange(sent_what_waited_, false) ? moved::some : moved::nothing;
  if (client_.may_read() && client_.receive(buffer)) {
    buffer.each([this](const auto& got) { take_from_client(got); });
    flush_up();
    out = moved::some;
  }
  for (auto* upstream : {&upstream_v4_, &upstream_v6_})
    if (upstream->may_read() && upstream->receive(buffer)) {
      buffer.each([this](const auto& got) { take_from_upstream(got); });
      flush_down();
      out = moved::some;
    }
  if (client_.may_read() || upstream_v4_.may_read() || upstream_v6_.may_read())
    return moved::more;
  return out;
}

bool association::may_be_client(const ip_sockaddr& peer) const {
  if (client_known_)
    return peer.port() == client_at_.port() && same_address(peer, client_at_);
  return peer.ip() == sender_;
}

void association::take_from_client(const datagram_buffer::item& got) {
  if (!may_be_client(*got.from))
    return drop(&shard_counters::udp_dropped_foreign);
  auto datagram = socks5::decode_datagram(got.bytes);
  if (!datagram)
    return drop(&shard_counters::udp_dropped_malformed);
  if (datagram->frag != 0)
    return drop(&shard_counters::udp_dropped_fragments);
  // Whoever else sends to this port by mistake, as a late answer to its last owner, is nobody.
  if (!client_known_) {
    client_at_ = *got.from;
    client_known_ = true;
  }
  auto* t = targets_.find(datagram->address);
  if (!t) {
    if (c_.shard.loop.memory().is_full())
      return drop(&shard_counters::udp_dropped_refused);
    auto max = c_.shard.config().limits.max_udp_targets;
    if (targets_.size() >= max)
      flush_up(); // what is queued points to the target that makes room
    t = &targets_.add(datagram->address, max);
    count_held();
  }
  if (t->is == udp_target::state::closed && c_.shard.loop.now() >= t->closed_until)
    begin(*t);
  send_up(*t, datagram->data);
}

bool association::leads_back(const udp_target& t) const noexcept {
  const auto& own = c_.shard.process->association_sockets;
  return own.contains({t.leads->addresses()[t.chosen], t.to.port}) ||
         (t.stands_for && own.contains({*t.stands_for, t.to.port}));
}

void association::send_up(udp_target& t, std::string_view data) {
  if (t.is == udp_target::state::open && !t.granted->look(c_.shard.policy))
    renew(t);
  // Not only once: an association may come to a port that was a target before.
  if (t.is == udp_target::state::open && leads_back(t))
    refuse(t, {policy::reason::not_allowed_local,
               policy::source::baseline_policy,
               policy::decision::deny,
               nullptr,
               {},
               true});
  if (t.is == udp_target::state::open) {
    c_.shard.outgoing(t.at.family() == AF_INET6).put(t.at, {}, data);
    c_.bytes_up += data.size();
  } else if (t.waiting.size() < most_waiting(t.is) &&
             waiting_bytes() + data.size() <= max_waiting_bytes &&
             !c_.shard.loop.memory().is_full()) {
    t.waiting.emplace_back(data);
    count_held();
  } else {
    drop(&shard_counters::udp_dropped_refused);
  }
}

size_t association::waiting_bytes() {
  size_t sum = 0;
  if (looking_up_ > 0 || has_asked_)
    for (const auto& t : targets_.all())
      for (const auto& data : t.waiting)
        sum += data.size();
  return sum;
}

void association::count_held() {
  constexpr size_t target_cost = 1024, name_cost = 512;
  c_.holds(waiting_bytes() + targets_.size() * target_cost +
           (names_.size() + recorded_.size()) * name_cost);
}

void association::flush_up() {
  for (auto v6 : {false, true}) {
    auto& queue = c_.shard.outgoing(v6);
    if (queue.empty())
      continue;
    auto& by = v6 ? upstream_v6_ : upstream_v4_;
    if (!by.is_open()) {
      auto any = make_sockaddr(v6 ? ip_address{} : ip_address::v4(0), 0);
      (void)by.open(c_.shard.loop, any, &c_.wakes); // sending says so when it failed
    }
    auto sent = by.send(queue, [this](const ip_sockaddr& to, int) { unreachable(to); });
    c_.shard.counters.udp_datagrams_up += sent.datagrams;
    drop(&shard_counters::udp_dropped_unsent, sent.dropped);
  }
}

void association::unreachable(const ip_sockaddr& to) {
  auto* t = targets_.from(to);
  if (!t)
    return;
  auto fresh = t->granted->look(c_.shard.policy); // stale: it is about to be judged
  if (auto next = t->chosen + 1; fresh && next < t->leads->addresses().size())
    targets_.move_on(*t, next, *fresh);
  else
    targets_.close(*t, c_.shard.loop.now() + unreachable_for);
}

void association::take_from_upstream(const datagram_buffer::item& got) {
  auto* t = targets_.from(*got.from);
  if (!t)
    return drop(&shard_counters::udp_dropped_foreign);
  c_.shard.outgoing(false).put(client_at_, t->header, got.bytes);
  c_.bytes_down += got.bytes.size();
}

void association::flush_down() {
  auto sent = client_.send(c_.shard.outgoing(false), [](const ip_sockaddr&, int) {});
  c_.shard.counters.udp_datagrams_down += sent.datagrams;
  drop(&shard_counters::udp_dropped_unsent, sent.dropped);
}

} // namespace proxy
