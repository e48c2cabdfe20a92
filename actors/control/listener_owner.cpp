#include "actors/control/listener_owner.hpp"

#include <algorithm>

#include "actors/control/compile.hpp"

namespace proxy {

namespace {

using owner_pointer = listener_owner_actor::stateful_pointer<listener_owner_state>;

/// Whether a listener keeps another address from being bound.
bool overlaps(const bound_listener& held, const config::listen_address& wanted) {
  auto ip = ip_address::parse(wanted.ip);
  auto wide = [](const ip_address& at) { return at == ip_address{} || at == ip_address::v4(0); };
  return held.path.empty() && wanted.path.empty() && held.port == wanted.port && ip &&
         (held.ip == *ip || wide(held.ip) || wide(*ip));
}

void add_listener(bound_listeners& out, endpoint serves, const config::listen_address& wanted,
                  const std::string& key, const listener_set& in_use) {
  auto same = [&](const bound_listener_ptr& l) {
    return l->serves == serves && l->wanted == wanted;
  };
  if (auto at = std::find_if(in_use.begin(), in_use.end(), same); at != in_use.end()) {
    out.all.push_back(*at);
    return;
  }
  auto made = bind_listener(serves, wanted);
  if (!made) {
    auto& problem = out.problems.emplace_back(problem_of(key, context_of(made.error())));
    auto ours = std::ranges::find_if(in_use, [&](const auto& l) { return overlaps(*l, wanted); });
    if (ours != in_use.end())
      problem.hint = "this proxy's own " + std::string{to_string((*ours)->serves)} +
                     " listener holds " + (*ours)->address() +
                     " until a change is in force: move that one first, or restart";
    return;
  }
  out.added.push_back(*made);
  out.all.push_back(std::move(*made));
}

bool serves_admin(const bound_listener_ptr& l) { return l->serves == endpoint::admin; }

} // namespace

listener_owner_actor::behavior_type listener_owner(owner_pointer self, listener_set first) {
  self->state.in_force = std::move(first);
  return {
    [self](atom::bind, const config_ptr& config) {
      auto& s = self->state;
      s.proposed.clear(); // before: the same address may be asked for
      bound_listeners out;
      if (s.ending) {
        out.problems.push_back(problem_of("", "the proxy is shutting down"));
        return out;
      }
      out = bind_listeners(*config, s.in_force);
      if (out.problems.empty())
        s.proposed = out.all;
      return out;
    },
    [self](atom::install, const listener_set& now) {
      auto& s = self->state;
      s.proposed.clear();
      if (!s.closed)
        s.in_force = s.ending ? admin_only(now) : now;
    },
    [self](atom::abort) { self->state.proposed.clear(); },
    [self](atom::listen) { return self->state.in_force; },
    [self](atom::drain) {
      auto& s = self->state;
      s.ending = true;
      s.proposed.clear();
      s.in_force = admin_only(std::move(s.in_force));
    },
    [self](atom::close) {
      auto& s = self->state;
      s.ending = s.closed = true;
      s.proposed.clear();
      s.in_force.clear();
    },
  };
}

bound_listeners bind_listeners(const config::proxy_config& config, const listener_set& in_use) {
  bound_listeners out;
  if (config.enabled)
    add_listener(out, endpoint::http, config.http, "proxy_url", in_use);
  // One address for both: the listener tells them apart itself.
  if (config.enabled && config.enable_socks5 &&
      (config.socks != config.http || config.http.port == 0))
    add_listener(out, endpoint::socks, config.socks, "socks_url", in_use);
  // A proxy that starts disabled offers nothing at all; one that a reload disables can still be
  // asked, and told to go on.
  if (config.admin && (config.enabled || std::ranges::any_of(in_use, serves_admin)))
    add_listener(out, endpoint::admin, *config.admin, "admin_url", in_use);
  return out;
}

std::vector<policy::socket_address> addresses_of(const listener_set& listeners) {
  std::vector<policy::socket_address> out;
  for (const auto& l : listeners)
    if (l->wanted.path.empty())
      out.push_back({l->ip, l->port});
  return out;
}

listener_set admin_only(listener_set listeners) {
  std::erase_if(listeners, [](const auto& l) { return !serves_admin(l); });
  return listeners;
}

} // namespace proxy
