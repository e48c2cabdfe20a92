#include "actors/flows.hpp"
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

/// A policy that came since the request was judged has been acknowledged already: nothing may begin
/// under the old one.
std::optional<policy::denial> judge_meanwhile(const connection& c, const exchange& x,
                                              bool by_decider,
                                              std::optional<ip_address> connected) {
  if (c.shard.policy->generation == x.under->generation)
    return std::nullopt;
  admission begun;
  begun.to = x.target;
  begun.by_decider = by_decider;
  begun.connected = std::move(connected);
  return judge_tunnel(*c.shard.policy, begun);
}

task<std::unique_ptr<upstream>> reach(connection& c, exchange& x, policy::permit permit,
                                      after& next) {
  auto by_decider = permit.source() == policy::source::decider;
  auto judged = permit;
  auto found = co_await find_route(c, std::move(permit));
  if (!found.denial)
    found.denial = judge_meanwhile(c, x, by_decider, std::nullopt);
  if (found.denial) {
    next = co_await refuse(c, x, *found.denial);
    co_return nullptr;
  }
  // A name that only the upstream proxy can resolve is judged by name alone.
  if (!found.route && !x.via) {
    next = co_await fault(c, x, found.error);
    co_return nullptr;
  }
  auto vetted_under = c.shard.policy->generation;
  caf::expected<std::unique_ptr<upstream>> dialled{nullptr};
  if (x.via)
    dialled = co_await dial_through(c, x, judged);
  else
    dialled = co_await dial(c, *found.route);
  if (!dialled) {
    next = co_await fault(c, x, dialled.error());
    co_return nullptr;
  }
  (*dialled)->generation = vetted_under;
  auto address = x.via ? std::nullopt : std::optional{(*dialled)->address};
  auto denial = judge_meanwhile(c, x, by_decider, address);
  if (denial) {
    next = co_await refuse(c, x, *denial);
    co_return nullptr;
  }
  co_return std::move(*dialled);
}

} // namespace proxy
