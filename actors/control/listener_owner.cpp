#include "actors/control/listener_owner.hpp"

#include <algorithm>
#include <iterator>

#include "actors/control/policy/compile.hpp"
#include "actors/control/port_handover.hpp"

namespace proxy {

namespace {

using owner_pointer = listener_owner_actor::stateful_pointer<listener_owner_state>;

/// A listener that a configuration asks for, and the key that does.
struct wanted_listener {
  endpoint serves;
  config::listen_address at;
  std::string key;
};

/// Whether a listener is the one that is wanted, and stays.
bool is_same(const bound_listener& held, const wanted_listener& wanted) {
  return held.serves == wanted.serves && held.wanted == wanted.at;
}

/// Binds what is not there yet, also where one stands that is about to leave: that one goes on
/// until the new policy is in force, and for good where it never is.
/// @param added  Bound for the same configuration: none of it gives way to the other.
caf::expected<bound_listener_ptr> bind_new(const wanted_listener& wanted,
                                           const listener_set& leaving, const listener_set& added,
                                           network& on) {
  listener_set in_the_way;
  auto overlap = [&](const auto& l) { return overlaps(*l, wanted.at); };
  if (std::ranges::none_of(added, overlap))
    std::ranges::copy_if(leaving, std::back_inserter(in_the_way), overlap);
  auto same =
    std::ranges::find_if(in_the_way, [&](const auto& l) { return stands_at(*l, wanted.at); });
  if (same != in_the_way.end())
    return take_over(*same, wanted.serves, wanted.at);
  return in_the_way.empty() ? bind_listener(wanted.serves, wanted.at, on)
                            : bind_beside(in_the_way, wanted.serves, wanted.at);
}

/// A new listener; nullptr and a problem when it cannot be bound.
bound_listener_ptr bind_or_tell(const wanted_listener& wanted, const listener_set& leaving,
                                const listener_set& staying, network& on, bound_listeners& out) {
  auto made = bind_new(wanted, leaving, out.added, on);
  if (made) {
    out.added.push_back(*made);
    return std::move(*made);
  }
  auto& problem = out.problems.emplace_back(problem_of(wanted.key, context_of(made.error())));
  auto ours = std::ranges::find_if(staying, [&](const auto& l) { return overlaps(*l, wanted.at); });
  if (ours != staying.end())
    problem.hint = "this proxy's own " + std::string{to_string((*ours)->serves)} +
                   " listener stays on " + (*ours)->address();
  return nullptr;
}

bool serves_admin(const bound_listener_ptr& l) { return l->serves == endpoint::admin; }

/// What a configuration asks for.
std::vector<wanted_listener> listeners_of(const config::proxy_config& config,
                                          const listener_set& in_use) {
  std::vector<wanted_listener> out;
  if (config.enabled)
    out.push_back({endpoint::http, config.http, "proxy_url"});
  // One address for both: the listener tells them apart itself.
  if (config.enabled && config.enable_socks5 &&
      (config.socks != config.http || config.http.port == 0))
    out.push_back({endpoint::socks, config.socks, "socks_url"});
  // A proxy that starts disabled offers nothing at all; one that a reload disables can still be
  // asked, and told to go on.
  if (config.admin && (config.enabled || std::ranges::any_of(in_use, serves_admin)))
    out.push_back({endpoint::admin, *config.admin, "admin_url"});
  return out;
}

} // namespace

listener_owner_actor::behavior_type listener_owner(owner_pointer self, listener_set first,
                                                   network* on) {
  self->state.in_force = std::move(first);
  return {
    [self, on](atom::bind, const config_ptr& config) {
      auto& s = self->state;
      s.proposed.clear(); // before: the same address may be asked for
      bound_listeners out;
      if (s.ending) {
        out.problems.push_back(problem_of("", "the proxy is shutting down"));
        return out;
      }
      out = bind_listeners(*config, s.in_force, *on);
      if (out.problems.empty())
        s.proposed = out.all;
      return out;
    },
    [self](atom::install, const listener_set& now) {
      auto& s = self->state;
      s.proposed.clear();
      if (!s.closed)
        s.in_force = s.ending ? admin_only(now) : now;
      return true;
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

bound_listeners bind_listeners(const config::proxy_config& config, const listener_set& in_use,
                               network& on) {
  auto wanted = listeners_of(config, in_use);
  listener_set staying, leaving;
  for (const auto& l : in_use) {
    auto stays = std::ranges::any_of(wanted, [&](const auto& w) { return is_same(*l, w); });
    (stays ? staying : leaving).push_back(l);
  }
  auto moves = [&](const wanted_listener& w) {
    return std::ranges::any_of(leaving, [&](const auto& l) { return overlaps(*l, w.at); });
  };
  bound_listeners out;
  std::vector<bound_listener_ptr> made(wanted.size());
  // What stands where one of ours leaves comes last, and only where all else could be bound:
  // clients come to it from then on, and would be reset if the change came to nothing.
  for (bool moving : {false, true})
    for (size_t i = 0; i < wanted.size(); ++i) {
      const auto& w = wanted[i];
      if (moves(w) != moving || (moving && !out.problems.empty()))
        continue;
      auto same = std::ranges::find_if(staying, [&](const auto& l) { return is_same(*l, w); });
      if (same != staying.end())
        made[i] = *same;
      else
        made[i] = bind_or_tell(w, leaving, staying, on, out);
    }
  for (auto& each : made)
    if (each)
      out.all.push_back(std::move(each));
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
