#include "actors/dial.hpp"
#include "actors/flows.hpp"
#include "actors/http2/dial.hpp"
#include "actors/loop/ask.hpp"

namespace proxy {

task<routed> find_route(connection& c, policy::permit permit) {
  routed out;
  auto addresses = policy::known_addresses(permit.to().host);
  if (addresses.empty()) {
    auto began = c.shard.loop.now();
    // The resolver has the deadline (`timeouts.dns`); this one only guards against a resolver that
    // died.
    auto deadline = c.in(c.timeouts().dns + std::chrono::seconds{1});
    auto answer = co_await ask<dns_answer>(&c, c.wakes, deadline, c.shard.resolver, atom::resolve_v,
                                           permit.to().host.text());
    c.dns_ms = static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(c.shard.loop.now() - began).count());
    if (!answer) {
      out.error = code_of(answer.error()) == errc::cancelled
                    ? caf::make_error(errc::dns_timeout, permit.to().host.text())
                    : std::move(answer.error());
      co_return out;
    }
    addresses = std::move(answer->addresses);
  }
  // The policy of this moment, not of the one when the look-up began.
  auto judged = policy::vet(*c.shard.policy->rules, std::move(permit), std::move(addresses));
  if (auto* route = std::get_if<policy::route>(&judged))
    out.route.emplace(std::move(*route));
  else
    out.denial.emplace(std::get<policy::denial>(std::move(judged)));
  co_return out;
}

namespace {

/// What a request inside a tunnel is under the policy of now; `x` changes with it.
std::optional<policy::denial> judge_inside_again(connection& c, exchange& x) {
  exchange now;
  auto judged = judge_request(c, x.received, now);
  if (auto* denial = std::get_if<policy::denial>(&judged))
    return std::move(*denial);
  if (!std::holds_alternative<policy::permit>(judged)) {
    policy::denial changed; // new limits: the request is none any more
    changed.reason = policy::reason::policy_denied;
    return changed;
  }
  x.head = std::move(now.head);
  x.via = now.via;
  x.under = std::move(now.under);
  return std::nullopt;
}

/// Takes the connection that was made when the tunnel was asked for, and puts TLS on it where the
/// request inside comes by TLS.
/// @returns nothing when it is of no use any more.
task<caf::expected<std::unique_ptr<upstream>>> use_dialled(connection& c, const exchange& x,
                                                           tls::alpn offer) {
  auto made = std::move(c.ahead);
  if (!made || made->generation != c.shard.policy->generation || made->io.raw.dead() ||
      (made->io.is_plain() && made->io.has_unread())) // it has ended, or speaks unasked
    co_return std::unique_ptr<upstream>{};
  if (!x.target.tls) {
    // One that leads through an upstream proxy is a tunnel, where plain requests go without.
    if (x.via || !made->key.via.empty())
      made.reset();
    co_return std::move(made);
  }
  if (auto err = co_await secure(c, *made, x.target.host, x.target.port, offer))
    co_return std::move(err);
  made->key.tls = true;
  co_return std::move(made);
}

} // namespace

/// A policy that came since the request was judged has been acknowledged already: nothing may begin
/// under the old one.
std::optional<policy::denial> judge_meanwhile(connection& c, exchange& x, bool by_decider,
                                              std::optional<ip_address> connected) {
  if (c.shard.policy->generation == x.under->generation)
    return std::nullopt;
  admission begun;
  begun.to = x.target;
  begun.by_decider = by_decider;
  begun.connected = std::move(connected);
  begun.intercepted = x.intercepted;
  if (auto denial = judge_tunnel(*c.shard.policy, begun))
    return denial;
  return x.received.empty() ? std::nullopt : judge_inside_again(c, x);
}

namespace {

/// What trying to reach a target came to: a connection, a denial, or an error.
struct reached {
  std::unique_ptr<upstream> made;
  std::optional<policy::denial> denial;
  caf::error error;
};

/// Resolves, vets and dials.
task<reached> reach_offering(connection& c, exchange& x, policy::permit permit, tls::alpn offer) {
  reached out;
  auto by_decider = permit.source() == policy::source::decider;
  auto vetted_under = c.shard.policy->generation;
  caf::expected<std::unique_ptr<upstream>> dialled{nullptr};
  if (c.ahead)
    dialled = co_await use_dialled(c, x, offer);
  if (dialled && !*dialled) {
    auto judged = permit;
    auto found = co_await find_route(c, std::move(permit));
    if (!found.denial)
      found.denial = judge_meanwhile(c, x, by_decider, std::nullopt);
    // A name that only the upstream proxy can resolve is judged by name alone.
    if (found.denial || (!found.route && !x.via)) {
      out.denial = std::move(found.denial);
      out.error = std::move(found.error);
      co_return out;
    }
    vetted_under = c.shard.policy->generation;
    if (x.via)
      dialled = co_await dial_through(c, x, judged, offer);
    else
      dialled = co_await dial(c, *found.route, offer);
  }
  if (dialled) {
    (*dialled)->generation = vetted_under;
    auto carrier = std::move(*dialled);
    dialled = co_await settle_protocol(c, x, std::move(carrier), offer);
  }
  if (dialled)
    out.made = std::move(*dialled);
  else
    out.error = std::move(dialled.error());
  co_return out;
}

} // namespace

task<std::unique_ptr<upstream>> reach(connection& c, exchange& x, policy::permit permit,
                                      after& next) {
  auto by_decider = permit.source() == policy::source::decider;
  std::optional<dialling> for_others;
  if (c.is_stream && !x.upgrade)
    for_others.emplace(c.shard.pool, key_of(x));
  auto offer = protocols_for(c, x);
  auto again = permit;
  auto got = co_await reach_offering(c, x, std::move(again), offer);
  // What the client speaks, or what was remembered, is not what the upstream speaks.
  if (offer != tls::alpn::either && got.error && code_of(got.error) == errc::no_common_protocol) {
    auto only_h1 = offer == tls::alpn::h2;
    c.shard.pool.note(key_of(x), only_h1 ? origin_protocol::http1 : origin_protocol::http2);
    got =
      co_await reach_offering(c, x, std::move(permit), only_h1 ? tls::alpn::http1 : tls::alpn::h2);
  }
  if (got.made) {
    auto address = x.via ? std::nullopt : std::optional{got.made->address};
    got.denial = judge_meanwhile(c, x, by_decider, address);
  }
  if (got.denial) {
    next = co_await refuse(c, x, *got.denial);
    co_return nullptr;
  }
  if (!got.made) {
    next = co_await fault(c, x, got.error);
    co_return nullptr;
  }
  co_return std::move(got.made);
}

} // namespace proxy
