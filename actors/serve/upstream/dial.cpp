#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "actors/dns/search_domains.hpp"
#include "actors/serve/core/measure.hpp"
#include "actors/serve/exchange/exchange.hpp"
#include "actors/serve/setting_text.hpp"
#include "actors/serve/upstream/dial.hpp"

namespace proxy {

namespace {

/// RFC 8305 §8: how long an attempt has before the next one starts beside it.
constexpr std::chrono::milliseconds attempt_delay{250};

/// Addresses taken from one answer: a hostile name must not make us dial hundreds.
constexpr size_t max_attempts = 16;

/// RFC 8305 §4: families take turns, the one that came first begins.
std::vector<ip_address> interleave(std::span<const ip_address> in) {
  std::vector<ip_address> first, second, out;
  for (const auto& address : in)
    (address.is_v4() == in[0].is_v4() ? first : second).push_back(address);
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size())
      out.push_back(first[i]);
    if (i < second.size())
      out.push_back(second[i]);
  }
  if (out.size() > max_attempts)
    out.resize(max_attempts);
  return out;
}

/// Whether it is this machine that has too little of something, and not the way or its end.
bool is_lack(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

caf::error to_error(int error, const ip_address& address, uint16_t port) {
  auto where = address.is_v4() ? address.str() : '[' + address.str() + ']';
  auto text = where + ':' + std::to_string(port) + ": " + std::strerror(error);
  if (error == ETIMEDOUT)
    text += " (by the system's own limit, before timeouts.connect)";
  auto code = is_lack(error)                                ? errc::overloaded
              : error == ETIMEDOUT                          ? errc::connection_timeout
              : error == ENETUNREACH || error == ENETDOWN   ? errc::network_unreachable
              : error == EHOSTUNREACH || error == EHOSTDOWN ? errc::host_unreachable
                                                            : errc::connection_refused;
  return caf::make_error(code, std::move(text));
}

/// Whether a connection may lead back to us unnoticed, so that its own end is to be remembered.
/// Without Via any may, by way of an address translator. Otherwise only one to a port that we
/// listen on: the policy refuses our addresses, but one that has just come is not known yet.
bool may_lead_back(const client_end& c, uint16_t port) {
  const auto& own = c.shard.policy->rules->own_listeners;
  return !c.shard.config().via ||
         std::ranges::find(own, port, &policy::socket_address::port) != own.end();
}

} // namespace

int begin_connect(client_end& c, const fresh_pass& fresh, upstream& to, uint16_t port) {
  if (!fresh.is_fresh())
    return ECANCELED;
  auto name = make_sockaddr(to.address, port);
  auto& net = c.shard.loop.network();
  auto open = [&] { return net.open(socket_kind::stream, name.family()); };
  auto fd = open();
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
    c.shard.pool.clear(); // what is kept for later makes room for what is wanted now
    c.shard.loop.calls().flush();
    fd = open();
  }
  if (fd < 0)
    return errno;
  if (net.connect(fd, name.get(), name.size) != 0 && errno != EINPROGRESS) {
    auto error = errno;
    net.close(fd);
    return error;
  }
  if (may_lead_back(c, port)) {
    if (auto from = net.local_address(fd); from.ip())
      to.from = c.shard.process->dialled.add(ends_of(*from.ip(), from.port(), to.address, port));
  }
  return to.io.open(c.shard.loop, fd, &c.wakes, socket::origin::dialled) ? 0 : errno;
}

namespace {

caf::error outdated() {
  return caf::make_error(errc::policy_changed, std::string{"the policy changed while dialling"});
}

struct attempt {
  std::unique_ptr<upstream> to;
  bool failed = false;
};

/// One of the attempts that has connected; failed ones are marked, the last error kept.
std::unique_ptr<upstream> pick_connected(std::vector<attempt>& attempts, uint16_t port,
                                         caf::error& last) {
  for (auto& a : attempts) {
    if (a.failed || !a.to->io.may_write())
      continue;
    // Writable and not broken: connected. The kernel names the error of what is broken alone.
    auto error = a.to->io.dead() ? a.to->io.take_error() : 0;
    if (error == 0)
      return std::move(a.to);
    a.failed = true;
    a.to->io.close();
    last = to_error(error, a.to->address, port);
  }
  return nullptr;
}

} // namespace

task<caf::expected<std::unique_ptr<upstream>>> connect_any(client_end& c, const exchange& ex,
                                                           std::span<const ip_address> to,
                                                           uint16_t port, steady_time deadline) {
  auto order = to.size() == 1 ? std::vector<ip_address>{to[0]} : interleave(to);
  std::vector<attempt> attempts;
  auto last = caf::error{}; // of the attempt that failed last
  for (size_t next = 0;;) {
    auto pending =
      std::any_of(attempts.begin(), attempts.end(), [](const attempt& a) { return !a.failed; });
    if (next < order.size()) {
      auto made = std::make_unique<upstream>();
      made->address = order[next++];
      auto fresh = ex.granted->look(c.shard.policy);
      if (!fresh)
        co_return outdated();
      auto error = begin_connect(c, *fresh, *made, port);
      if (error != 0) {
        last = to_error(error, made->address, port);
        continue;
      }
      ++c.shard.counters.upstream_connects;
      attempts.push_back({std::move(made), false});
    } else if (!pending) {
      co_return last ? std::move(last)
                     : caf::make_error(errc::dns_error, std::string{"no address to dial"});
    }
    auto overtake = next < order.size() ? std::min(deadline, c.in(attempt_delay)) : deadline;
    for (;;) {
      auto in_time = co_await c.wakes.until(overtake);
      if (!ex.granted->look(c.shard.policy))
        co_return outdated();
      if (auto connected = pick_connected(attempts, port, last))
        co_return std::move(connected);
      if (c.client.dead())
        co_return caf::make_error(errc::cancelled, std::string{"the client has gone"});
      auto alive =
        std::any_of(attempts.begin(), attempts.end(), [](const attempt& a) { return !a.failed; });
      if (!alive || !in_time)
        break;
    }
    if (c.shard.loop.now() >= deadline)
      co_return caf::make_error(errc::connection_timeout,
                                "no answer from " + order[0].str() + " within " + connect_limit(c));
  }
}

std::string connect_limit(const client_end& c) {
  return setting_text("timeouts.connect", c.timeouts().connect);
}

caf::error look_up_error(const client_end& c, const host& name, caf::error why) {
  if (code_of(why) != errc::cancelled)
    return why;
  return caf::make_error(errc::dns_timeout,
                         name.text() + " (" + setting_text("timeouts.dns", c.timeouts().dns) + ")");
}

task<caf::error> wait_dialling(client_end& c, const exchange& ex, steady_time deadline,
                               std::string_view late) {
  auto in_time = co_await c.wakes.until(deadline);
  if (c.client.dead())
    co_return caf::make_error(errc::cancelled, std::string{"the client has gone"});
  if (!ex.granted->look(c.shard.policy))
    co_return outdated();
  co_return in_time ? caf::error{} : caf::make_error(errc::connection_timeout, std::string{late});
}

tls::ssl_ptr begin_tls(client_end& c, const fresh_pass& fresh, upstream& u, const host& name,
                       uint16_t port, tls::alpn offer) {
  tls::client_options options{.offer = offer,
                              .identity = fresh.snapshot().identities.find(name, port),
                              .cache = &c.shard.tls_sessions,
                              .port = port};
  return fresh.snapshot().trust ? u.io.begin_tls(*fresh.snapshot().trust, name, options) : nullptr;
}

task<caf::error> secure(client_end& c, const exchange& ex, upstream& u, const host& name,
                        uint16_t port, tls::alpn offer) {
  tls::ssl_ptr session;
  if (auto fresh = ex.granted->look(c.shard.policy))
    session = begin_tls(c, *fresh, u, name, port, offer);
  else
    co_return outdated();
  if (!session)
    co_return caf::make_error(errc::system, std::string{"cannot start TLS"});
  measured_handshake measured{c.shard, tls_side::upstream};
  auto deadline = c.in(c.timeouts().tls_handshake);
  for (;;) {
    switch (u.io.shake_hands(session, tls::connect_step)) {
      case tls::step::done: measured.succeeded(); co_return caf::none;
      case tls::step::want_read:
      case tls::step::want_write: break;
      default: co_return tls::handshake_error(*session);
    }
    auto err = co_await wait_dialling(c, ex, deadline, {});
    if (err && code_of(err) == errc::connection_timeout)
      co_return caf::make_error(
        errc::connection_timeout,
        "the TLS handshake with " + name.text() + " took longer than " +
          setting_text("timeouts.tls_handshake", c.timeouts().tls_handshake));
    if (err)
      co_return std::move(err);
  }
}

task<caf::expected<std::unique_ptr<upstream>>> dial(client_session& c, const exchange& ex,
                                                    const policy::vetted& to, tls::alpn offer) {
  auto began = c.shard.loop.now();
  const auto& target = ex.target;
  caf::expected<std::unique_ptr<upstream>> dialled{nullptr};
  {
    measured_connect measured{c.shard};
    dialled = co_await connect_any(c, ex, to.addresses(), target.port, c.in(c.timeouts().connect));
    measured.ended(dialled ? caf::error{} : dialled.error());
  }
  if (!dialled)
    co_return std::move(dialled.error());
  auto u = std::move(*dialled);
  if (target.tls()) {
    auto err = co_await secure(c, ex, *u, target.host, target.port, offer);
    if (err)
      co_return std::move(err);
  }
  c.connect_ms = static_cast<uint32_t>(
    std::chrono::duration_cast<std::chrono::milliseconds>(c.shard.loop.now() - began).count());
  if (!to.found_as().text().empty())
    u->found_as = std::make_shared<const host>(to.found_as());
  u->key.tls = target.tls();
  u->key.host = question_for(target.host);
  u->key.port = target.port;
  co_return std::move(u);
}

} // namespace proxy
