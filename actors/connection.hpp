#pragma once

#include "actors/client_session.hpp"

namespace proxy {

/// One client's connection to the proxy.
class connection final : public pinned_session {
public:
  using super = pinned_session;

  connection(caf::actor_config& cfg, shard_core& owner, endpoint serves, client_address from);
  ~connection() override;

  const char* name() const override { return "connection"; }

  /// Takes the client's socket and starts the flow. Call once, right after spawning.
  /// @param held_back  The descriptor is one of those that are: the client is turned away.
  void begin(int descriptor, bool held_back);

  [[nodiscard]] client_session& session() noexcept { return session_; }
  [[nodiscard]] const client_session& session() const noexcept { return session_; }

private:
  friend class roster<connection>;
  behavior_type make_behavior() override;
  /// Closes everything and lets go of itself. The flow is at its end, or gone.
  void finish(ending how, closing by);
  /// Cancels the flow and finishes. Never from inside the flow.
  void end_from_outside(ending how);
  static void flow_done(void* self) noexcept;
  void log_end() const;
  /// Which limit on connections, or on memory, its client has met.
  /// @returns nothing, or errc::overloaded.
  [[nodiscard]] caf::error met_limit(bool held_back);

  client_session session_;
  caf::strong_actor_ptr self_;
  size_t place_ = 0;   ///< In the shard's list.
  task<closing> flow_; ///< Last: destroyed first.
};

} // namespace proxy
