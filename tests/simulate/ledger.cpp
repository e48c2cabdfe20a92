#include "tests/simulate/ledger.hpp"

#include <utility>

#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

audit_actor ledger::open(caf::actor_system& system, const std::shared_ptr<process_state>& process) {
  // Without an argument CAF binds a null reference.
  auto trail = [this](audit_actor::pointer,
                      const std::shared_ptr<process_state>& of) -> audit_actor::behavior_type {
    return {
      [this, of](atom::record, const decision_event_ptr& event) {
        of->audit_queue.leave();
        take(*event);
      },
      [](atom::configure, const config_ptr&) { return true; },
      [](atom::reopen) {},
      [](atom::flush) { return true; },
    };
  };
  return system.spawn<caf::hidden>(trail, process);
}

void ledger::take(const decision_event& event) {
  std::string id{event.request_id.text()};
  if (!ids_.insert(id).second)
    violated_ = "two events have the number " + id;
  auto& one = events_[event.client ? event.client->port : uint16_t{0}];
  if (event.fault)
    ++one.faults;
  else if (event.is_refusal())
    ++one.refused;
  else
    ++one.allowed;
  if (event.fault || event.is_refusal())
    one.ids.insert(id);
  if (event.fault)
    return; // no verdict
  auto target = event.host + ':' + std::to_string(event.port);
  auto [last, is_first] = one.verdicts.try_emplace(target, event.reason);
  if (!is_first && std::exchange(last->second, event.reason) == event.reason &&
      one.repeated.empty())
    one.repeated = std::string{policy::to_string(event.reason)} + " of " + target;
}

std::string ledger::of_port::str() const {
  return std::to_string(allowed) + " allowed, " + std::to_string(refused) + " refused, " +
         std::to_string(faults) + " faults";
}

void ledger::check() const {
  demand(violated_.empty(), violated_);
  for (const auto& client : accounts_) {
    static const of_port nothing;
    auto found = events_.find(client.port);
    const auto& seen = found == events_.end() ? nothing : found->second;
    auto what = client.who + " asked " + std::to_string(client.asked) + " times and was served " +
                std::to_string(client.served) + " times; the events: " + seen.str();
    demand(seen.allowed >= client.served, "an event is missing: " + what);
    if (client.decided_anew) {
      demand(seen.repeated.empty(), "told twice, " + seen.repeated + ": " + what);
    } else {
      demand(seen.allowed <= client.asked, "an event too many: " + what);
      // A client that is one too many is told so before it asks.
      demand(seen.refused + seen.faults <= client.asked + 1, "a decision was made twice: " + what);
    }
    if (client.calm)
      demand(seen.allowed == client.asked && seen.refused + seen.faults == 0,
             "not one event for each decision: " + what);
    for (const auto& id : client.ids)
      demand(seen.ids.contains(id),
             "no event has the number that " + client.who + " was told: " + id);
  }
}

} // namespace proxy::simulate
