#pragma once

#include "actors/serve/client/client_session.hpp"

namespace proxy {

/// An actor that serves one client by one session: it runs the session's flow, owns itself as long
/// as that runs, and ends it when it is told to.
class session_owner : public pinned_session {
public:
  [[nodiscard]] client_session& session() noexcept { return session_; }
  [[nodiscard]] const client_session& session() const noexcept { return session_; }

protected:
  /// @param what  For the session's constructor, behind the actor in whose name it asks.
  template <class... Ts>
  explicit session_owner(caf::actor_config& cfg, Ts&&... what)
    : pinned_session(cfg), session_(*this, std::forward<Ts>(what)...) {}
  ~session_owner() override;

  /// Holds itself from now on. First of all.
  void live();
  /// Runs the flow; its end is the session's.
  void start(task<closing> flow);
  /// Closes everything and lets go of itself. The flow is at its end, or gone.
  void finish(ending how, closing by);

private:
  behavior_type make_behavior() final;
  /// The session ends, and is as it was until now: what there is to log, to count, and to leave.
  virtual void leave() = 0;
  /// Cancels the flow and finishes. Never from inside the flow.
  void end_from_outside(ending how);
  static void flow_done(void* self) noexcept;

  client_session session_;
  caf::strong_actor_ptr self_;
  task<closing> flow_; ///< Last: destroyed first.
};

} // namespace proxy
