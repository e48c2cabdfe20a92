#pragma once

#include <functional>
#include <utility>

#include "actors/observe/audit.hpp"
#include "actors/observe/blocked_ring.hpp"
#include "actors/observe/decision_event.hpp"
#include "actors/observe/log/log.hpp"
#include "actors/observe/otlp/outlet.hpp"

namespace proxy {

/// Hands a core's events to whoever has subscribed: the ring behind GET /blocked, the audit trail,
/// a collector and the log. Each has a bounded queue of its own and counts what it drops, so none
/// holds up a loop, or another. Used on its core's loop only.
class event_hub {
public:
  /// @param log    Never null.
  /// @param audit  What waits for the audit trail, over all cores; never null.
  event_hub(log_ptr log, std::shared_ptr<subscriber_queue> audit);

  /// Who hears of refusals besides; null: nobody.
  void tell_refusals_to(std::function<void(const decision_event_ptr&)> observer) {
    observer_ = std::move(observer);
  }

  /// Where the audit trail is written; null while nowhere.
  /// @param max_waiting  Events of all cores that may wait for it.
  void audit_to(audit_actor writer, uint64_t max_waiting);

  /// What is sent to a collector, while that takes events; null: nothing is.
  void export_to(std::shared_ptr<outlet> to) { outlet_ = std::move(to); }

  /// Whether anybody wants to hear of something that was allowed: else there is no need to make an
  /// event of it. What a collector does not hear because too much waits for it is counted here.
  [[nodiscard]] bool wants_admission() noexcept { return audit_ || wants_export(); }
  /// The same for a fault. (Refusals are always listed.)
  [[nodiscard]] bool wants_fault() noexcept {
    return audit_ || log_->takes(log_level::info) || wants_export();
  }

  void publish(decision_event_ptr event);

  [[nodiscard]] blocked_page blocked() const { return refused_.page(); }

private:
  [[nodiscard]] bool wants_export() noexcept {
    return outlet_ && outlet_->wants(outlet_kind::event);
  }
  void send_to_audit(const decision_event_ptr& event);

  log_ptr log_;
  std::shared_ptr<subscriber_queue> waiting_for_audit_;
  audit_actor audit_;
  uint64_t max_waiting_ = 0;
  std::shared_ptr<outlet> outlet_;
  std::function<void(const decision_event_ptr&)> observer_;
  blocked_ring refused_;
};

} // namespace proxy
