#include "actors/observe/event_hub.hpp"

#include <caf/send.hpp>

#include <utility>

namespace proxy {

event_hub::event_hub(log_ptr log, std::shared_ptr<subscriber_queue> audit)
  : log_(std::move(log)), waiting_for_audit_(std::move(audit)) {}

void event_hub::audit_to(audit_actor writer, uint64_t max_waiting) {
  audit_ = std::move(writer);
  max_waiting_ = max_waiting;
}

void event_hub::send_to_audit(const decision_event_ptr& event) {
  if (waiting_for_audit_->enter(max_waiting_))
    caf::anon_send(audit_, atom::record_v, event);
}

void event_hub::publish(decision_event_ptr event) {
  if (audit_)
    send_to_audit(event);
  if (outlet_)
    outlet_->tell(event);
  if (event->fault || event->is_refusal())
    log_->tell(event);
  if (event->id == 0)
    return;
  if (observer_)
    observer_(event);
  refused_.add(std::move(event));
}

} // namespace proxy
