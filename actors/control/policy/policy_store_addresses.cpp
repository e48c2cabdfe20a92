#include <algorithm>

#include "actors/control/policy/policy_store_steps.hpp"
#include "actors/observe/log/log.hpp"

// The machine's addresses as they change: a policy whose listeners stand on all of them says which
// those are, so that the proxy is known to be itself there.

namespace proxy {

namespace {

/// Has the machine's addresses read again after a pause.
void retry_later(store_pointer self) {
  if (!std::exchange(self->state.addresses_failed, true))
    self->delayed_send(self, addresses_pause, atom::addresses_v);
}

bool stands_on_all(const policy::rules& rules) {
  return std::ranges::any_of(rules.own_listeners, [](const policy::socket_address& own) {
    return own.ip == ip_address{} || own.ip == ip_address::v4(0);
  });
}

/// What could not be read, or put in force, stays as it was, until it is tried again.
void retry_addresses(store_pointer self, const std::string& why) {
  log_of(self).warn("msg=addresses_unread detail={}", quoted_text(why));
  retry_later(self);
  next_change(self);
}

/// Puts the machine's addresses of now in force, if that makes a difference.
void take_addresses(store_pointer self, machine_addresses_read& found) {
  auto& s = self->state;
  auto& now = s.now;
  if (!why_ending(s).empty())
    return next_change(self);
  if (!found)
    return retry_addresses(self, "the system does not tell them");
  if (*found == now.current->rules->local_addresses)
    return next_change(self);
  auto change = s.change;
  self->request(now.listeners, binding_patience, atom::listen_v)
    .then(
      [self, change, found = std::move(*found)](const listener_set& listeners) {
        if (!is_under_way(self, change))
          return;
        if (!why_ending(self->state).empty())
          return next_change(self);
        auto& at = self->state.now;
        at.current = move_to(*at.current, found, at.proxies, self->state.change->problems);
        tell_problems(log_of(self), self->state.change->problems);
        push(self, listeners);
      },
      [self, change](const caf::error& why) {
        if (is_under_way(self, change))
          retry_addresses(self, "listeners: " + self->system().render(why));
      });
}

} // namespace

void keep_addresses(store_pointer self, policy_document& document) {
  const auto& known = self->state.now.current->rules->local_addresses;
  if (document.around.addresses || known.empty())
    return;
  log_of(self).warn("msg=addresses_unread detail=\"those of before stay\"");
  document.around.addresses = known;
  retry_later(self);
}

void begin_addresses(store_pointer self) {
  auto& s = self->state;
  s.addresses_waiting = s.addresses_failed = false;
  s.change = std::make_shared<change_under_way>();
  if (!why_ending(s).empty() || !stands_on_all(*s.now.current->rules))
    return next_change(self);
  ask_source<machine_addresses_read>(
    self, [self](machine_addresses_read& found) { take_addresses(self, found); },
    [self](const std::string& why) { retry_addresses(self, why); }, atom::addresses_v);
}

} // namespace proxy
