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

task<std::unique_ptr<upstream>> reach(connection& c, exchange& x, policy::permit permit,
                                      after& next) {
  auto judged_under = c.shard.policy->generation;
  auto by_decider = permit.source() == policy::source::decider;
  auto judged = permit;
  auto found = co_await find_route(c, std::move(permit));
  if (found.denial) {
    next = co_await refuse(c, x, *found.denial);
    co_return nullptr;
  }
  // A name that only the upstream proxy can resolve is judged by name alone.
  if (!found.route && !x.via) {
    next = co_await fault(c, x, found.error);
    co_return nullptr;
  }
  caf::expected<std::unique_ptr<upstream>> dialled{nullptr};
  if (x.via)
    dialled = co_await dial_through(c, x, judged);
  else
    dialled = co_await dial(c, *found.route);
  if (!dialled) {
    next = co_await fault(c, x, dialled.error());
    co_return nullptr;
  }
  if (c.shard.policy->generation != judged_under) {
    // A policy that came meanwhile has been acknowledged already: nothing may begin under the old
    // one.
    admission begun;
    begun.to = x.target;
    begun.by_decider = by_decider;
    if (!x.via)
      begun.connected = (*dialled)->address;
    auto denial = judge_tunnel(*c.shard.policy->rules, begun);
    if (denial) {
      next = co_await refuse(c, x, *denial);
      co_return nullptr;
    }
  }
  co_return std::move(*dialled);
}

} // namespace proxy
